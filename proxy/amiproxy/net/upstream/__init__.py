"""The ways to Asterisk: the link and the connections beside it."""
