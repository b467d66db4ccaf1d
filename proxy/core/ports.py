"""All the core knows of the outside: a transport per client, one upstream, a scheduler, a verifier.

Implemented by ``net`` (sockets, loop, threads) and by the list-backed doubles
in ``tests/support``.  None of these calls blocks, and none calls back before it
returns, but for Verifier when it knows the answer at once.
"""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from proxy.x509.identity import Identity

if TYPE_CHECKING:
    from proxy.core.shares import Share


class Peer(NamedTuple):
    """Where a client comes from, and what its TLS handshake told."""

    address: str
    port: int
    local_address: str = ""
    local_port: int = 0
    tls: str = ""
    #: Of the certificate that the client showed and its listener trusts; None when there was none.
    certificate: Identity | None = None


class Sender(Protocol):
    """What an outbox sends through; see Transport."""

    def write(self, data: bytes, /) -> int:
        """As ``send``; or OSError where that does more than write, and is to be called with the same."""

    def send(self, data: bytes | memoryview) -> int:
        """The number of bytes taken."""


class Transport(Hashable, Protocol):
    """The way to one client; each is equal to itself only."""

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""

    def write(self, data: bytes, /) -> int:
        """``send`` with nothing around it, for what goes to hundreds; see Sender."""

    def send(self, data: bytes | memoryview) -> int:
        """Write what can be written at once; the number of bytes taken, 0 if none can be now.

        When fewer than all were taken, ``Session.writable`` is called once more can be, and again
        as long as it says that it has more.
        The next call must then begin with the bytes that were not taken.
        """

    def pause(self) -> None:
        """Stop reading from the client."""

    def resume(self) -> None:
        """Read from the client again."""

    def charge(self, share: "Share") -> None:
        """Its reads and writes take this share's time from now on."""

    def close(self) -> None:
        """End in good order (close_notify).  No call comes from this transport afterwards."""

    def abort(self) -> None:
        """End at once, unsent bytes lost.  No call comes from this transport afterwards."""


class Upstream(Protocol):
    """The way to Asterisk, logged in; gone again when ``Hub.link_down`` was called."""

    def send(self, data: bytes) -> None:
        """Write whole messages; the link buffers what the socket does not take."""

    def rest(self) -> None:
        """Leave what comes where it is until ``read_on``, or until something is sent."""

    def catch_up(self) -> None:
        """Hand over what came while it rested, now."""

    def read_on(self) -> None:
        """Rest no longer."""

    def recycle(self, reason: str) -> None:
        """Drop the connection, which can no longer be trusted, and make a new one."""


class SideOpener(Protocol):
    """Makes the side link; see ``core.side.Side``, which it tells how that went."""

    def open(self) -> None:
        """Connect and log in: ``link_up`` or ``failed`` follows, but for a ``close`` before."""

    def close(self, reason: str) -> None:
        """End the connection, or the attempt; nothing of it is heard any more."""


class Timer(Protocol):
    """What ``Scheduler.later`` gives back."""

    def cancel(self) -> None:
        """Do not call any more; harmless when already called."""


class Scheduler(Protocol):
    """Time, for the few things the one-second tick is too coarse for."""

    def now(self) -> float:
        """Monotonic seconds."""

    def wall(self) -> float:
        """Seconds since the epoch, for what people and events are shown."""

    def cpu(self) -> float:
        """CPU seconds of the thread it all happens on: what work costs, however busy the machine is."""

    def clock(self) -> float:
        """Monotonic seconds, exact and cheap to ask: how long a short piece of work took."""

    def later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call once, ``delay`` seconds from now, from the loop."""


class Applicant(NamedTuple):
    """A client whose secret is to be compared, and what decides when: see ``core.trials``."""

    #: Different for all that wait at one time: the transport.
    who: Hashable
    #: The networks it comes from, the coarsest first.
    networks: tuple[Hashable, ...] = ()
    rank: int = 0
    #: Whether its login fails whatever the secret is.  Its comparison is for the time alone.
    hopeless: bool = False


class Verifier(Protocol):
    """Compares a candidate secret with stored hashes, without holding up the loop."""

    def verify(
        self,
        applicant: Applicant,
        name: bytes,
        trial: tuple[str, ...],
        candidate: bytes,
        done: Callable[[bool | None], None],
    ) -> None:
        """Call ``done`` once: whether any hash of the trial matches; None when the work cannot be taken on.

        ``name`` is the one that the client gave: only what is the same for the same name is done once.
        """

    def abandon(self, who: Hashable) -> None:
        """This applicant has left: its secret need not be compared if that has not begun."""
