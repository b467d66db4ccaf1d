"""The clients that are connected: their sessions, logins, and the actions answered here."""
