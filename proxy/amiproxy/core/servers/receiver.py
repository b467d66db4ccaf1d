"""EventReceiver and ServerOwner: what a server passes events and changes of its state on to."""

# mypyc: compiled

from typing import Any, Protocol

from amiproxy.core.calls.call import Call
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.journal import Journal
from amiproxy.core.ports import Sealer

#: What the receiver's table holds for a head.  The server only passes it back.
Audience = Any


class EventReceiver(Protocol):
    """What a server passes events on to: an inflow."""

    @property
    def by_head(self) -> dict[bytes, Any]:
        """The audience of each head that is known; always the same dict."""

    def forget(self) -> None:
        """Empty ``by_head``, so that every head passes through ``audience_of`` again."""

    def audience_of(self, head: bytes, name: bytes, required: int, *, remember: bool) -> Audience:
        """The audience of a head that ``by_head`` does not hold, for events that need these classes.

        ``name`` is the event's.  ``remember``: put the audience into ``by_head``.
        """

    def pass_on(self, raw: bytes, audience: Audience) -> None:
        """Send a well-formed event, with its blank line, to its audience."""

    def pass_on_scoped(self, raw: bytes, call: Call | CallFacts) -> None:
        """Called after ``pass_on``, if calls are followed; for ``call`` see ``CallTracker.feed``."""

    def keep(self, journal: Journal | None) -> None:
        """Record each event in this journal, before anything else is done with it; None: in none."""

    def readers(self, classes: int) -> int:
        """The number of sessions whose classes admit an event that needs these."""


class ServerOwner(Protocol):
    """What a server reports its state and its work to: the hub."""

    @property
    def sealer(self) -> Sealer:
        """Seals positions in the events of all servers from now on."""

    def linked(self, name: str) -> None:
        """The link to the server of this name is up; nothing has come over it yet."""

    def serves(self, name: str) -> None:
        """Clients' actions are sent to the server of this name from now on."""

    def link_down(self, name: str, reason: str) -> None:
        """The link to the server of this name is lost, and open actions were answered."""

    def settle(self) -> None:
        """Send what the messages of one read have caused."""

    def relayed(self, user: str, messages: int) -> None:
        """A user was sent this many items of a long answer."""

    def delivered(self, user: str, seconds: float) -> None:
        """It took this many monotonic seconds to give a user a part of an answer that others have too."""

    def measured(self, seconds: float, messages: int) -> None:
        """A read of this many messages took this many monotonic seconds to handle."""

    def fault(self, error: Exception, where: str, **fields: object) -> None:
        """Report an internal error that does not end the service."""
