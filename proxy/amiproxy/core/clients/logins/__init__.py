"""How it is decided whether a client may log in."""
