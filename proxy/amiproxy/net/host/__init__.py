"""The machine: systemd, confinement, descriptors, the log's output."""
