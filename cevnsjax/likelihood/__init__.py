"""Likelihoods as functions of (observed, expected); they know no experiment."""
