"""Endpoints for operators: control socket, metrics, health."""
