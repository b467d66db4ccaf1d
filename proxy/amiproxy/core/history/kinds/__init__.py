"""The kinds of which the state of an Asterisk consists: one module for each, and their table."""
