"""COHERENT, PRL 126, 012002 (2021): rows and figures."""
