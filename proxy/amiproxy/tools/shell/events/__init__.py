"""Live events: which are shown, and how many a second."""
