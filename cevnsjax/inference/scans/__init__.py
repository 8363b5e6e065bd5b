"""chi2 on grids of one to four parameters, in memory or in a file."""
