"""What comes back: the messages of one answer, and errors in plain words."""
