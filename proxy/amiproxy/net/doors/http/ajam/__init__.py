"""AJAM: Asterisk's manager interface over HTTP, for scripts that were written for Asterisk's own."""
