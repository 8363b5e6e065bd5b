"""Data releases that come with the package: one folder each."""
