"""Picciau, slides (2020) of Cadeddu et al.: rows and figures."""
