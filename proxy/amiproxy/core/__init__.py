"""The rules and the routing: what each user may do, and which bytes each client is sent.

This package uses no event loop, socket, TLS, thread or clock; time comes as an argument.
"""
