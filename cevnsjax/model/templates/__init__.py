"""Counts as polynomials of couplings: exact templates, and chi2 on grids from them."""
