"""Counts of many points as sums of templates that they share, in NumPy."""
