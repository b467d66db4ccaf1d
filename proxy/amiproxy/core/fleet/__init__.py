"""What agents and edges of a fleet send each other, and what each of them makes of it."""
