"""Links over which each answer comes with the relay id of its action: those to an Asterisk's agents."""
