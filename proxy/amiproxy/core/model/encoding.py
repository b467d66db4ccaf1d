"""Encoding: how a door writes the events that it sends."""

from collections.abc import Callable
from typing import Final

from amiproxy.ami.relay import BROADCAST_HEAD

#: Seconds between the heartbeats that clients of AMI are sent.
_HEARTBEAT: Final = 5.0


class Encoding:
    """One way to write events; compared by identity, so make one for each format, not for each client.

    Sessions with the same view and the same encoding are sent the same bytes object.
    """

    __slots__ = ("classes", "count", "heartbeat", "name", "render")

    def __init__(
        self,
        name: str,
        render: Callable[[bytes], bytes] | None,
        count: Callable[[bytes], int] | None = None,
        classes: Callable[[bytes], list[bytes]] | None = None,
        heartbeat: float = _HEARTBEAT,
    ) -> None:
        self.name = name
        #: Makes the bytes that are sent from one event in the bytes that Asterisk writes; None if they are
        #: the same.
        self.render = render
        #: Counts the events in bytes that ``render`` has made, or, by default, in AMI's form.
        self.count: Callable[[bytes], int] = _count_messages if count is None else count
        #: The classes of each event in such bytes, without the ``all`` that Asterisk adds.
        self.classes: Callable[[bytes], list[bytes]] = _classes_of if classes is None else classes
        #: Seconds between two heartbeats.
        self.heartbeat = heartbeat


def _count_messages(data: bytes) -> int:
    return data.count(b"\r\n\r\n")


def _classes_of(data: bytes) -> list[bytes]:
    # The body of a relayed event never contains anything that looks like a head.
    return [head[3] for head in BROADCAST_HEAD.finditer(data)]


#: Events as Asterisk writes them.
AMI: Final = Encoding("ami", None)
