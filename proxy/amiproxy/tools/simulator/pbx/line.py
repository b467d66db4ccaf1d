"""Lines: the PJSIP endpoints of a call centre, which are phones and trunks; and parked calls."""

import hashlib
from dataclasses import dataclass

from amiproxy.tools.simulator.pbx.channel import Channel, Headers

#: Seconds that a call may stay parked.
PARKING_TIMEOUT = 120


@dataclass(eq=False, slots=True)
class Line:
    """One endpoint with one contact.

    ``exten`` is the extension whose hint it is, "" for a trunk.  ``is_up`` says whether its contact is
    registered and answers; ``is_taken`` that a call of a queue is about to ring it.  ``round_trip`` is in
    microseconds.
    """

    name: str
    owner: str
    exten: str
    address: str
    round_trip: int
    is_up: bool = True
    is_taken: bool = False

    @property
    def device(self) -> str:
        """``PJSIP/alice``."""
        return f"PJSIP/{self.name}"

    @property
    def uri(self) -> str:
        """Where it has registered."""
        return f"sip:{self.name}@{self.address}"

    @property
    def contact(self) -> str:
        """The name of its contact, which res_pjsip makes from the URI."""
        digest = hashlib.md5(self.uri.encode(), usedforsecurity=False).hexdigest()
        return f"{self.name};@{digest}"


@dataclass(eq=False, slots=True)
class Parked:
    """A parked call; ``since`` is in seconds since the epoch."""

    channel: Channel
    parker: str
    space: int
    since: float

    def snapshot(self, now: float) -> Headers:
        """The headers that describe it in an event or a list."""
        passed = int(now - self.since)
        return [
            *self.channel.snapshot("Parkee"),
            ("ParkerDialString", self.parker),
            ("Parkinglot", "default"),
            ("ParkingSpace", self.space),
            ("ParkingTimeout", max(0, PARKING_TIMEOUT - passed)),
            ("ParkingDuration", passed),
        ]
