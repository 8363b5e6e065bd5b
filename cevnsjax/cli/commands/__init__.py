"""The commands: one file each, with signature, run and figure."""
