"""Explains what the proxy does with an action or event: for the command line, and over HTTP."""
