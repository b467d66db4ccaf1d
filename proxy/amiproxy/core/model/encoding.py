"""Encoding: how a door writes the events that it sends."""

from collections.abc import Callable
from typing import Final


class Encoding:
    """One way to write events; compared by identity, so make one for each format, not for each client.

    Sessions with the same view and the same encoding are sent the same bytes object.
    """

    __slots__ = ("count", "name", "render")

    def __init__(
        self,
        name: str,
        render: Callable[[bytes], bytes] | None,
        count: Callable[[bytes], int] | None = None,
    ) -> None:
        self.name = name
        #: Makes the bytes that are sent from one event in the bytes that Asterisk writes; None if they are
        #: the same.
        self.render = render
        #: Counts the events in bytes that ``render`` has made, or, by default, in AMI's form.
        self.count: Callable[[bytes], int] = _count_messages if count is None else count


def _count_messages(data: bytes) -> int:
    return data.count(b"\r\n\r\n")


#: Events as Asterisk writes them.
AMI: Final = Encoding("ami", None)
