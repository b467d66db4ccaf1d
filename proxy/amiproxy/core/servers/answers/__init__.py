"""Answers that are awaited: a class for each kind, from the response to the end of an event list."""
