"""Actions of a session that the proxy itself answers."""
