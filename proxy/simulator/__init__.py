"""The simulator: a small Asterisk for the demo, the tests and the benchmark."""
