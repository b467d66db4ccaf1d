"""Records: the audit log, security events, counters; and the masking of secrets in them."""
