"""Figures of sampled posteriors."""
