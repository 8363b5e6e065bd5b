"""Fits and profile likelihoods of an ``Objective``."""
