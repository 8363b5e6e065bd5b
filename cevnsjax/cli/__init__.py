"""Command line: parse, one library call, text or JSON. Nothing heavy is imported before use."""
