"""Publisher: what an agent tells all edges of one server: its events, and that it is alive.

The events are those of the server's journal, with the journal's epochs and numbers.  An edge that has missed
some asks for them, and is answered from the journal.
"""

# mypyc: compiled

from collections.abc import Iterator
from typing import Final, Literal

from amiproxy import __version__
from amiproxy.core.fleet.rights import RightsDigest
from amiproxy.core.fleet.wire import (
    BEAT,
    END,
    EVENTS,
    GONE,
    Ask,
    Beat,
    Head,
    encode_beat,
    packed,
)
from amiproxy.core.history.journal import Journal
from amiproxy.core.servers.server import Server

_SOFTWARE: Final = f"amiproxy {__version__}"
#: Bytes of a banner that are told.
_BANNER: Final = 256


class Publisher:
    """Makes the messages about one server.  See ``Follower`` in core/fanout/flushing.py."""

    __slots__ = (
        "_agent",
        "_known_as",
        "_rights",
        "bytes",
        "epoch",
        "events",
        "gone",
        "messages",
        "position",
        "replays",
        "server",
    )

    def __init__(self, server: Server, agent: str, known_as: str, rights: RightsDigest) -> None:
        """``known_as`` is the server's name in the fleet; it must have a journal before the first event."""
        self.server = server
        self._agent = agent
        self._known_as = known_as
        self._rights = rights
        #: Epoch and number of the last event that was taken.
        self.epoch = 0
        self.position = 0
        #: What was taken so far, and how many times missed events were asked for, and were not held.
        self.events = self.messages = self.bytes = 0
        self.replays = self.gone = 0

    @property
    def waits(self) -> bool:
        """Whether there are events that were not taken, or another epoch has begun."""
        journal = self.server.journal
        return journal is not None and (journal.last != self.position or journal.epoch != self.epoch)

    def take(self) -> list[bytes]:
        """The messages with all events since the last call, in order."""
        journal = self._followed()
        messages: list[bytes] = []
        if journal is None:
            return messages
        while self.position < journal.last:
            entries = journal.after(self.epoch, self.position)
            if entries is None:  # edges will see the gap
                self.position = journal.first - 1
                continue
            if entries.raws:
                messages.append(_message(self.epoch, entries.first, entries.raws))
                self.events += len(entries.raws)
            self.position = entries.last
        self.messages += len(messages)
        self.bytes += sum(map(len, messages))
        return messages

    def leave_out(self) -> None:
        """Take the events so far without making messages of them, such as when none can be sent."""
        journal = self._followed()
        if journal is not None:
            self.position = journal.last

    def beat(self, clock: int, reason: str = "") -> bytes:
        """A sign of life.

        ``clock`` is the agent's, in milliseconds; ``reason`` says why the link to Asterisk is not up.
        """
        self._followed()
        exchange = self.server.exchange
        state: Literal["up", "booting", "down"] = (
            "up" if exchange.connected else "booting" if exchange.linked else "down"
        )
        banner = self.server.banner.rstrip(b"\r\n")[:_BANNER]
        self._rights.step()
        beat = Beat(_SOFTWARE, self._agent, self._known_as, state, banner, clock, reason, self._rights.digest)
        return packed(Head(BEAT, 0, self.epoch, self.position + 1), encode_beat(beat))

    def replay(self, ask: Ask) -> Iterator[bytes]:
        """The messages that answer an edge which asks for missed events, one after another.

        The last one says that these were all that have been taken so far, or that some are not held.  Other
        events may be taken between two.
        """
        self.replays += 1
        epoch, until = self.epoch, self.position
        position = ask.first - 1
        held = ask.epoch == epoch and position <= until
        while held and position < until:
            journal = self.server.journal
            entries = None if journal is None else journal.after(epoch, position)
            if entries is None:
                held = False
                break
            raws = entries.raws[: until + 1 - entries.first]
            if raws:
                yield _message(epoch, entries.first, raws)
            position = entries.last
        if held:
            yield packed(Head(END, 0, epoch, until + 1))
        else:
            self.gone += 1
            yield packed(Head(GONE, 0, self.epoch, self.position + 1))

    def _followed(self) -> Journal | None:
        """The journal, of whose epoch the position is now; None if there is none."""
        journal = self.server.journal
        if journal is not None and journal.epoch != self.epoch:
            self.epoch = journal.epoch
            self.position = journal.first - 1
        return journal


def _message(epoch: int, first: int, raws: list[bytes]) -> bytes:
    """The message with these events, which the journal has returned at once: they fit into one."""
    return packed(Head(EVENTS, 0, epoch, first, len(raws)), b"".join(raws))
