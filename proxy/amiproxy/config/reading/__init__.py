"""Reads files: YAML with line numbers, bound to types; every problem has a file, a line and a remedy."""
