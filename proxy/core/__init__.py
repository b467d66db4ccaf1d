"""Rules and switchboard: who may do what, who gets which bytes.  No loop, socket, TLS, thread or clock."""
