"""How the simulator misbehaves, on demand or at scheduled times."""
