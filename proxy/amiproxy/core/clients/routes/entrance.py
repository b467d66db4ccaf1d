"""Entrance: what the configuration says of all clients that connect to one listener by one door."""

from typing import Final

#: Seconds without a request after which a web session ends, by its door: Asterisk's ``httptimeout``, and what
#: suits a browser, whose pages need not be visible all the time.
_IDLE: Final = {"ajam": 60.0}
_IDLE_OF_OTHERS: Final = 1800.0


#: The door of users whose actions an edge sends; no user is given it, and none has to be.
FLEET: Final = "fleet"


class Entrance:
    """Shared by a listener and its clients; a reload may change it, which applies to later logins."""

    __slots__ = ("door", "idle", "server")

    def __init__(self, server: str = "", door: str = "ami", idle: float = 0.0) -> None:
        """``idle`` may be 0 for the default of the door."""
        #: Name of the server that every session from this listener is bound to; "" for none.
        self.server = server
        #: The way in, of ``DOORS`` in users.py: only its users may log in.
        self.door = door
        #: Seconds without a request after which a web session ends that has logged in here.
        self.idle = idle or _IDLE.get(door, _IDLE_OF_OTHERS)

    @property
    def shown(self) -> str | None:
        """The door as people are shown it; None for AMI's own, which is not mentioned."""
        return None if self.door == "ami" else self.door


#: Of AMI clients whose listener binds them to no server.
ANYWHERE = Entrance()
