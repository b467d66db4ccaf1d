"""Switchboard: the part of the core that one connection to Asterisk works for."""

from collections.abc import Sequence
from typing import Protocol

from amiproxy.core.model.limits import Limits
from amiproxy.core.ports import Upstream


class Taker(Protocol):
    """Receives messages in their order."""

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """Take messages that one read completed; return how many were taken, at least one.

        The others are passed again in a later turn of the loop.  ``sound``: see ``UpstreamFramer``.
        """

    def oversized(self, head: bytes) -> None:
        """A message that exceeds the limit is skipped; ``head`` is its beginning."""


class Switchboard(Taker, Protocol):
    """A taker that also learns when the connection has logged in, and when it ends."""

    @property
    def limits(self) -> Limits:
        """The limits in force now; a reload may change them."""

    def link_up(self, upstream: Upstream, banner: bytes) -> None:
        """The conversation has logged in.  ``banner`` includes its line end."""

    def link_down(self, reason: str) -> None:
        """The conversation, which had logged in, has ended."""
