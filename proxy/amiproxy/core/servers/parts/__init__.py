"""The parts that a server is made of."""
