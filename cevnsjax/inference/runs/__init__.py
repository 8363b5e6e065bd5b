"""Long runs that can be interrupted: blocks of arrays in a folder with a manifest."""
