"""Channel: a connection to an engine, as those see it that send and receive over it.

Nothing here needs the client library of the engines.
"""

from collections.abc import Callable
from typing import Protocol

#: Takes subject, subject for the answer, data, and whether this says that nobody subscribes to what we asked.
Handler = Callable[[str, str, bytes, bool], None]


class EngineDown(Exception):
    """There is no connection, so that a message was not published and will not be."""


class Channel(Protocol):
    """See ``net.fleet.engine.Engine``."""

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""

    def publish(self, subject: str, data: bytes, reply: str = "") -> None:
        """Send a message now, or never.  Raises EngineDown if it was not sent."""

    def subscribe(self, subject: str, callback: Handler) -> Callable[[], None]:
        """Call back for each message to ``subject``; returns what ends that."""
