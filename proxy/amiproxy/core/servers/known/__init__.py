"""What is known about one Asterisk: its actions, how long they take it, its boot, the form of its events."""
