"""What proxy.yaml says about listeners with ``door: http``."""
