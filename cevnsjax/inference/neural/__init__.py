"""Posteriors from a neural network that is trained once on simulated data."""
