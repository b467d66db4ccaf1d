"""Encoding: how a door writes the events that it sends."""

from collections.abc import Callable
from typing import Final


class Encoding:
    """One way to write events; compared by identity, so make one for each format, not for each client.

    Sessions with the same view and the same encoding are sent the same bytes object.
    """

    __slots__ = ("name", "render")

    def __init__(self, name: str, render: Callable[[bytes], bytes] | None) -> None:
        self.name = name
        #: Makes the bytes that are sent from one event in the bytes that Asterisk writes; None if they are
        #: the same.
        self.render = render


#: Events as Asterisk writes them.
AMI: Final = Encoding("ami", None)
