"""Kinds about lines: devices, extensions, presence, endpoints, peers and mailboxes."""
