"""Which client sees which event, and when it is sent."""
