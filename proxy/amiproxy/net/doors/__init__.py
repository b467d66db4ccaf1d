"""The ways in: listening sockets, TLS clients, the PROXY protocol."""
