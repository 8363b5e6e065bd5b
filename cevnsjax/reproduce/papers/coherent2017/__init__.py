"""COHERENT, Science 357, 1123 (2017): rows and figures."""
