"""COHERENT, PRL 129, 081801 (2022): rows and figures."""
