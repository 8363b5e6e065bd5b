"""Papoulias and Kosmas, PRD 97, 033003 (2018): rows and figures."""
