"""Papoulias, PRD 102, 113004 (2020): rows and figures."""
