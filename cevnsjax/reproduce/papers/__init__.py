"""The papers whose numbers are computed again: one folder each."""
