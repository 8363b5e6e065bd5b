"""Liao and Marfatia, PLB 775, 54 (2017): rows and figures."""
