"""COHERENT CsI[Na] 2021: builder, tables, and reader of the official files."""
