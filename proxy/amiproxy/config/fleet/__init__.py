"""The section ``fleet`` of proxy.yaml, and the files that it names."""
