"""Connections that have not logged in: which are accepted, compared next, or closed to make room."""
