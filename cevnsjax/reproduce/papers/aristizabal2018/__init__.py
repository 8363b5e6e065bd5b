"""Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018 (2018): rows and figures."""
