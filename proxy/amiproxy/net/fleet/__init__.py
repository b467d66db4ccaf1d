"""The fleet over NATS: connections to the engine, and what an agent and an edge do with them."""
