"""What happened at each Asterisk lately, and what exists there now: the journal and the state."""
