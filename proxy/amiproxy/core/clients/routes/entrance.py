"""Entrance: what the configuration says of all clients that connect to one listener."""


class Entrance:
    """Shared by a listener and its clients; a reload may change it, which applies to later logins."""

    __slots__ = ("server",)

    def __init__(self, server: str = "") -> None:
        #: Name of the server that every session from this listener is bound to; "" for none.
        self.server = server


#: Of clients whose listener binds them to no server.
ANYWHERE = Entrance()
