"""The ways of an edge to the Asterisks that it reaches through agents."""
