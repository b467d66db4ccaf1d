"""Connections that have not logged in: who may connect, whose secret is compared, who makes room."""
