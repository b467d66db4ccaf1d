"""What is known about one Asterisk: its actions, when it has booted, and the form of its events."""
