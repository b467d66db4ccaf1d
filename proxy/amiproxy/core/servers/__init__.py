"""One Asterisk: actions sent to it, its answers, and how much of its time each user has."""
