"""Profiles of CsI-2017 against brute force in plain NumPy and against published intervals."""
