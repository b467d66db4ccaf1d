"""What proxy.yaml and users.yaml say about doors."""
