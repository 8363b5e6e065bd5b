"""Inference: fits, profiles and scans of anything that is an ``Objective``."""
