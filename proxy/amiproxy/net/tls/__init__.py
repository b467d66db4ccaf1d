"""TLS settings and contexts."""
