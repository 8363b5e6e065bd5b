"""What every room stands on: constants, units, errors, checks, files, precision."""
