"""Pseudo-experiments of a ``Model``: their fits, p-values, and Feldman-Cousins intervals."""
