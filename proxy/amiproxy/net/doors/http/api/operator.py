"""Operator: what operators may ask of the service and do to it over HTTP; ``net.admin`` implements it."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

#: Commands of ``ami-proxy ctl`` that show a part of the state of the service and take no arguments.
Shown = Literal["sessions", "upstream", "certs", "limits", "state", "fleet"]


class Operator(Protocol):
    """All methods raise ``problems.Refused`` if what they are given does not exist or cannot be done."""

    def status(self) -> Mapping[str, object]:
        """What ``ami-proxy ctl status --json`` prints."""

    async def show(self, what: Shown) -> object:
        """What ``ami-proxy ctl`` prints for this command with ``--json``."""

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text, and its media type, for a client that sends this header Accept."""

    def denials(self, last: int) -> Sequence[Mapping[str, object]]:
        """The last log lines about denials, failed logins, limits and penalties, the oldest first."""

    async def denial(self, number: int) -> Mapping[str, object]:
        """The denied action with this id: what ``models.Denial`` has, judged again with today's rights."""

    async def explain(self, user: str, message: bytes, server: str) -> tuple[bool, list[str]]:
        """What the proxy would do with a message, as ``ami-proxy explain`` says it, line by line.

        ``message`` is a whole action of this user, or a whole event.  ``server`` is the one that the session
        is bound to, "" for all of the user's.  The bool: the action is allowed, or the user sees the event.
        """

    async def kick(self, target: str, by: str) -> list[str]:
        """End the session with this id, or with ``user:NAME`` all of this user; returns their ids.

        ``by`` is the user who asks; so in the other methods.
        """

    async def drain(self, by: str) -> Mapping[str, object]:
        """Begin to end the service; returns what is open."""

    async def set_log_level(self, level: str, by: str) -> Mapping[str, object]:
        """Set the level of the log until the next reload; returns it and the one before."""
