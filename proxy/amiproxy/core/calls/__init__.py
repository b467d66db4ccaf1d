"""The calls at one Asterisk, followed by its events, and which users may see them."""
