"""Published against computed, row by row: one file a paper."""
