"""The ways of an edge to the Asterisks that it reaches through agents."""

from amiproxy.net.upstream.fleet.link import FleetLink

__all__ = ["FleetLink"]
