"""What the demo shows: rows of events, in a few words, on a terminal or in a pipe."""
