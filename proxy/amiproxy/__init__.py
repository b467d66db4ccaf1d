"""amiproxy: a TLS edge for the Asterisk Manager Interface.  The map of the source is ARCHITECTURE.md."""

__version__ = "0.1.0"
