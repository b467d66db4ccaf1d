"""Checks of sections of proxy.yaml that types cannot express; ``config.checks`` has the others."""
