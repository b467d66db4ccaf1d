"""What the operator talks to: control socket, metrics, health."""
