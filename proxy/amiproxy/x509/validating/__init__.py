"""Whether certificates may be served, and whether a client's certificate is valid."""
