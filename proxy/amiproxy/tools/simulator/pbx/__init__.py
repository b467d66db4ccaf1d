"""The simulated PBX: its channels, bridges, queues and dialplan, and its CLI."""
