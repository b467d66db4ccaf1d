"""The stream of events: server-sent events, rendered once for all clients of one audience."""
