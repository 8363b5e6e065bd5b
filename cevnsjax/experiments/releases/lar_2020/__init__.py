"""COHERENT CENNS-10 liquid argon 2020: builder, tables, and reader of the official files."""
