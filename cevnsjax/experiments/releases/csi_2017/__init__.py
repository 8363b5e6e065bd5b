"""COHERENT CsI[Na] 2017: builder, tables, and reader of the official files."""
