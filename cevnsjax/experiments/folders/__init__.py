"""Experiments of the user: a folder with a TOML file and CSV tables, read, checked and built."""
