"""AnyLink: the way to one Asterisk, direct or through the agents of a fleet."""

from amiproxy.net.upstream.fleet.link import FleetLink
from amiproxy.net.upstream.link import Link

AnyLink = Link | FleetLink
