"""The machine: systemd, confinement, descriptors, the log's output; and the key of this process."""
