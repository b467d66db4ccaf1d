"""Routes: to which server each action of a session goes, and which servers the session sees."""
