"""The WebSocket door: AMI's events and actions as JSON messages, or AMI itself in binary frames."""
