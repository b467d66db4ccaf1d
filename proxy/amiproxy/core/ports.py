"""The interfaces to everything outside the core: transports, upstream, scheduler, verifier and sealer.

Implemented by ``net`` (sockets, loop, threads) and by the list-backed doubles in
``tests/support``.  None of these methods blocks, and none calls back before it returns,
except for Verifier when it knows the answer at once.
"""

from collections.abc import Callable, Hashable
from typing import NamedTuple, Protocol, runtime_checkable

from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.networks import canonical
from amiproxy.core.model.share import Share
from amiproxy.x509.identity import Identity


class Peer(NamedTuple):
    """Where a client comes from, and the result of its TLS handshake.  Create it with ``at``."""

    #: Canonical, as is ``local_address``: equal addresses have equal texts.
    address: str
    port: int
    local_address: str = ""
    local_port: int = 0
    tls: str = ""
    #: From the client's certificate, which its listener trusts; None if the client presented none.
    certificate: Identity | None = None

    @classmethod
    def at(cls, address: str, port: int, local_address: str = "", local_port: int = 0) -> "Peer":
        """A peer before its handshake; the addresses are as the kernel or a PROXY header gave them.

        They are stored in canonical form.
        """
        return cls(canonical(address), port, canonical(local_address), local_port)


class Sender(Protocol):
    """What an outbox sends through; see Transport."""

    def write(self, data: bytes, /) -> int:
        """As ``send``, for the hot path; on OSError the caller must call ``send`` with the same data."""

    def send(self, data: bytes | memoryview) -> int:
        """Write what can be written at once; returns the number of bytes accepted."""


class Framing(Protocol):
    """Cuts a session's input into messages."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; returns the messages that they completed, each with its blank line.

        Raises MessageTooLong if the stream cannot go on.
        """


class Waiting(Hashable, Protocol):
    """An action that holds up its session until an event or any input comes: WaitEvent."""

    @property
    def has_event(self) -> bool:
        """Whether an event has arrived, so that it is to end."""

    def over(self) -> None:
        """End it with its answer; the session goes on."""

    def cancel(self) -> None:
        """End it without an answer."""


class AnswerWriter(Protocol):
    """Writes what one client is sent in the form of its door, except the events of its subscription.

    It is given AMI, whole messages, and returns bytes for the client.  Each answer is given in calls of its
    own, and ends with ``ended`` before the next one begins.
    """

    def banner(self, banner: bytes) -> bytes:
        """The banner, with its line end."""

    def answer(self, data: bytes) -> bytes:
        """A part of an answer; or, between two answers, events that are for this client alone.

        b"" says that more of this answer has to come first: the client is then sent no events before
        ``ended``, so that none overtakes the answer.
        """

    def ended(self) -> bytes:
        """What is still to be sent of the answer of one action, which is complete."""

    def link(self, event: bytes) -> bytes:
        """A ProxyUpstream event about a server of the session, for a client that may not read it as an event.

        b"" if clients of this door are not sent it unless they may read it, as on AMI, or if this client is
        told about the link later.
        """

    def farewell(self, reason: str) -> bytes:
        """The last bytes of a session that is closing for this reason (see ``Session.close``)."""


class Transport(Hashable, Protocol):
    """The connection to one client; hashed and compared by identity."""

    @property
    def peer(self) -> Peer:
        """The client's address and TLS facts."""

    @property
    def encoding(self) -> Encoding:
        """How the client's events are written; always the same one."""

    @property
    def writer(self) -> AnswerWriter | None:
        """Writes the client's answers; None if it is sent them as Asterisk writes them.  Always the same."""

    def write(self, data: bytes, /) -> int:
        """The bare write without ``send``'s bookkeeping, for data that goes to many clients; see Sender.

        Raises OSError if nothing can be written now.
        """

    def send(self, data: bytes | memoryview) -> int:
        """Write what can be written at once; returns the number of bytes accepted, 0 if none can be now.

        If not all were accepted, the next call must begin with the bytes that were not.
        ``Session.writable`` is called when more can be written, and again while it returns True.
        """

    def pause(self) -> None:
        """Stop reading from the client."""

    def resume(self) -> None:
        """Read from the client again."""

    def charge(self, share: Share) -> None:
        """Charge the time of this transport's reads and writes to this share from now on."""

    def close(self) -> None:
        """Close in order (with close_notify).  This transport makes no more calls afterwards."""

    def abort(self) -> None:
        """Close at once; unsent bytes are lost.  This transport makes no more calls afterwards."""


class Upstream(Protocol):
    """The connection to Asterisk, logged in; must not be used once ``Server.link_down`` was called."""

    def send(self, data: bytes) -> None:
        """Write whole messages; the link buffers what the socket does not accept."""

    def pause_reading(self) -> None:
        """Pause reading: leave data in the socket until ``resume_reading``, or until something is sent."""

    def read_pending(self) -> None:
        """Read and hand over now what arrived while reading was paused."""

    def resume_reading(self) -> None:
        """Resume reading."""

    def recycle(self, reason: str) -> None:
        """Drop this connection, which can no longer be trusted, and open a new one."""


class OnBehalf(NamedTuple):
    """For whom an action is sent: what the other end of the link has to know to judge the action again."""

    #: The user's name, as the table spells it.
    user: str
    #: Of the rights that the user has at the server; see ``core.model.generation``.
    generation: bytes
    #: The session's id in the log.
    session: str
    #: The client's, in canonical form.
    address: str


@runtime_checkable
class TaggedUpstream(Upstream, Protocol):
    """A connection over which each answer comes with the relay id of its action, in any order.

    Every answer is reported by ``Exchange.answered`` or ``Exchange.not_answered``.  Events alone come as
    messages.
    """

    def send_for(self, data: bytes, relay_id: bytes, on_behalf: OnBehalf | None, seconds: float) -> None:
        """Send one action, whose ActionID is ``relay_id``; its answer is awaited for so many seconds.

        ``on_behalf`` is None for an action of the proxy's own.  ``send`` is not called on such a connection.
        """


class SideOpener(Protocol):
    """Opens a side link and reports the outcome to its ``core.servers.side.Side``."""

    def open(self) -> None:
        """Connect and log in; calls ``link_up`` or ``failed`` later, unless ``close`` is called before."""

    def close(self, reason: str) -> None:
        """End the connection or the attempt; makes no more calls for it."""


class Timer(Protocol):
    """A call scheduled with ``Scheduler.later``."""

    def cancel(self) -> None:
        """Cancel the call; does nothing if it has already been made."""


class Scheduler(Protocol):
    """Clocks, and timers for the few things for which the one-second tick is too coarse."""

    def now(self) -> float:
        """Monotonic seconds."""

    def wall(self) -> float:
        """Seconds since the epoch, for times in events and for people."""

    def cpu(self) -> float:
        """CPU seconds of the loop's thread: the cost of work, however busy the machine is."""

    def clock(self) -> float:
        """Monotonic seconds, precise and cheap to read: for the duration of a short piece of work."""

    def later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once from the loop, ``delay`` seconds from now."""


class Applicant(NamedTuple):
    """A client whose secret is to be compared, and what decides when; see ``core.admission.trials``."""

    #: Identifies the applicant among all that wait at one time: its transport.
    who: Hashable
    #: The networks that its address is in, the largest first.
    networks: tuple[Hashable, ...] = ()
    rank: int = 0
    #: Whether its login fails whatever the secret is.  Its secret is then compared only to take as long.
    hopeless: bool = False


class Verifier(Protocol):
    """Compares a candidate secret with stored hashes without blocking the loop."""

    def verify(
        self,
        applicant: Applicant,
        name: bytes,
        trial: tuple[str, ...],
        candidate: bytes,
        done: Callable[[bool | None], None],
    ) -> None:
        """Call ``done`` once: whether a hash of the trial matches, or None if there is no room for the work.

        ``name`` is the user name that the client sent: equal comparisons are made once only if the
        names are equal too.
        """

    def abandon(self, who: Hashable) -> None:
        """The applicant has left: skip the comparison of its secret if that has not begun."""


class Sealer(Protocol):
    """Turns positions in the events of a server into tokens that clients cannot read or make up.

    Equal positions have equal tokens, so that they can be shared.
    """

    def seal(self, epoch: int, sequence: int) -> bytes:
        """The token of a position, two numbers of 64 bits: letters, digits, ``-`` and ``_``."""

    def open(self, token: bytes) -> tuple[tuple[int, int], ...]:
        """Epoch and sequence of a token; none if it is not one of ours.

        There are several if it may have been sealed with one of several keys; one of them is right then.
        Anybody can make up a token that opens, but not one whose epoch is that of any server.
        """
