"""Pseudo-experiments of signals that are polynomials of the parameters."""
