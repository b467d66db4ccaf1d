"""amiproxy: a TLS edge for the Asterisk Manager Interface."""

__version__ = "0.1.0"
