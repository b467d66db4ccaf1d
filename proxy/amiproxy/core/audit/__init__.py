"""What is recorded: the audit log, security events, counters; and what is masked in it."""
