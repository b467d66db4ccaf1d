"""Doubles for the surroundings of the core: transports, an upstream, a clock that advances by hand."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence

from amiproxy.ami.actions import LIST_COMPLETE
from amiproxy.ami.framing import UpstreamFramer
from amiproxy.ami.message import Message
from amiproxy.core import policy
from amiproxy.core.clients.routes.entrance import ANYWHERE, Entrance
from amiproxy.core.clients.session import Session
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.hub import ONE_SERVER, Hub
from amiproxy.core.model.encoding import AMI, Encoding
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.share import Share
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy.verdicts import Decide
from amiproxy.core.ports import AnswerWriter, Applicant, Peer, Sealer
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Configured


class ListTransport:
    """Takes the bytes that it is given, up to ``room`` bytes if that is set."""

    def __init__(self, address: str = "192.0.2.1", encoding: Encoding = AMI) -> None:
        self.peer = Peer(address, 40000, "192.0.2.9", 5039, "TLSv1.3/TEST")
        self.sent: list[bytes] = []
        self.room: int | None = None
        self.paused = False
        self.closed = ""
        self.refused = b""
        self.share: Share | None = None
        self.encoding = encoding
        self.writer: AnswerWriter | None = None

    def write(self, data: bytes) -> int:
        """Takes the bytes only if there is room for all of them."""
        if self.closed or (self.room is not None and self.room < len(data)):
            raise BlockingIOError
        return self.send(data)

    def send(self, data: bytes | memoryview) -> int:
        """Takes as many bytes as there is room for."""
        data = bytes(data)
        assert not self.closed, "written to after its end"
        if self.refused:
            assert data.startswith(self.refused), "the retry must begin with the bytes that were not taken"
        taken = len(data) if self.room is None else min(self.room, len(data))
        if self.room is not None:
            self.room -= taken
        self.refused = data[taken : taken + 16]
        if taken:
            self.sent.append(data[:taken])
        return taken

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def charge(self, share: Share) -> None:
        self.share = share

    def close(self) -> None:
        self.closed = "close"

    def abort(self) -> None:
        self.closed = "abort"

    def take(self) -> bytes:
        """All bytes that were sent since the last call."""
        data = b"".join(self.sent)
        self.sent.clear()
        return data


class ListUpstream:
    """Records the actions it is sent.  While it is paused, ``kept`` waits for ``read_pending``."""

    def __init__(self) -> None:
        self.actions: list[Message] = []
        self.paused = False
        self.kept: list[bytes] = []
        self.hand_over: Callable[[list[bytes]], object] = lambda _: None

    def send(self, data: bytes) -> None:
        self.actions.append(Message(data))
        self.paused = False

    def pause_reading(self) -> None:
        self.paused = True

    def read_pending(self) -> None:
        if self.paused:
            kept, self.kept = self.kept, []
            self.hand_over(kept)

    def resume_reading(self) -> None:
        self.paused = False

    def recycle(self, reason: str) -> None:
        """Does nothing: the tests of the link look at this."""

    def take(self) -> list[Message]:
        actions, self.actions = self.actions, []
        return actions


class PlainSealer:
    """A Sealer whose tokens can be read in a failed test."""

    def seal(self, epoch: int, sequence: int) -> bytes:
        return b"T%016x-%d" % (epoch, sequence)

    def open(self, token: bytes) -> tuple[tuple[int, int], ...]:
        found = re.fullmatch(rb"T([0-9a-f]{16})-([0-9]+)", token)
        return ((int(found[1], 16), int(found[2])),) if found else ()


class _Timer:
    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class HandClock:
    """A Scheduler whose time passes only when ``advance`` is called."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.timers: list[_Timer] = []

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return 1_700_000_000.0 + self.time

    def cpu(self) -> float:
        return self.time

    def clock(self) -> float:
        return self.time

    def later(self, delay: float, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(self.time + delay, callback)
        self.timers.append(timer)
        return timer

    def step(self) -> None:
        """Fire the next timer that is due now, if there is one."""
        due = [timer for timer in self.timers if timer.due <= self.time]
        if due:
            timer = min(due, key=lambda t: t.due)
            self.timers.remove(timer)
            if timer.callback is not None:
                timer.callback()

    def advance(self, seconds: float) -> None:
        """Let time pass; timers fire in order, each at its own time."""
        end = self.time + seconds
        while due := sorted((t for t in self.timers if t.due <= end), key=lambda t: t.due):
            timer = due[0]
            self.timers.remove(timer)
            self.time = max(self.time, timer.due)
            if timer.callback is not None:
                timer.callback()
        self.time = max(self.time, end)


class ListVerifier:
    """A Verifier that answers when told to; a stored secret ``plain:x`` matches ``x``, or it is busy."""

    def __init__(self, at_once: bool = True) -> None:
        self.at_once = at_once
        self.busy = False
        self.asked: list[tuple[tuple[str, ...], bytes, Callable[[bool | None], None]]] = []
        self.applicants: list[Applicant] = []
        self.abandoned: list[Hashable] = []

    def verify(
        self,
        applicant: Applicant,
        name: bytes,
        trial: tuple[str, ...],
        candidate: bytes,
        done: Callable[[bool | None], None],
    ) -> None:
        self.applicants.append(applicant)
        if self.busy:
            done(None)
            return
        self.asked.append((trial, candidate, done))
        if self.at_once:
            self.answer()

    def abandon(self, who: Hashable) -> None:
        self.abandoned.append(who)

    def answer(self) -> None:
        trial, candidate, done = self.asked[-1]
        done("plain:" + candidate.decode() in trial)


class Bench:
    """A hub whose transports, upstream, clock and verifier are lists in memory."""

    def __init__(
        self,
        *users: User,
        limits: Limits | None = None,
        interval: float = 0.0,
        servers: Configured = ONE_SERVER,
        decide: Decide = policy.decide,
        clock: HandClock | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self.clock = clock or HandClock()
        self.verifier = ListVerifier()
        #: Each server's, by its name; ``upstream`` is that of the first.
        self.upstreams = {name: ListUpstream() for name in servers.names}
        self.upstream = self.upstreams[servers.names[0]]
        self.pacing = Pacing(interval, max(interval, 0.05))
        self.hub = Hub(
            UserTable(users),
            limits or Limits(),
            self.pacing,
            self.clock,
            self.verifier,
            decide,
            policy.may_run,
            servers,
            sealer=sealer or PlainSealer(),
        )
        for name, upstream in self.upstreams.items():
            upstream.hand_over = self.server(name).from_upstream

    def server(self, name: str = "") -> Server:
        """The server of this name; the first if none is given."""
        found = self.hub.servers.find(name.encode()) if name else self.hub.servers.first
        assert found is not None
        return found

    def add_server(self, name: str) -> None:
        """Add a server that is not configured yet; ``Hub.adopt`` makes it so."""
        self.hub.add_servers([name])
        self.upstreams[name] = ListUpstream()
        self.upstreams[name].hand_over = self.server(name).from_upstream

    def link_up(self, list_commands: bytes = b"", *, booted: bool = True, at: str = "") -> None:
        """Bring the link up; answer the ListCommands that follows if given its rows.

        If the state of the server is kept, its lists are answered as well: they are empty.
        """
        server = self.server(at)
        upstream = self.upstreams[server.name]
        server.link_up(upstream, b"Asterisk Call Manager/11.0.0\r\n")
        (asked,) = upstream.take()
        assert asked.get(b"action") == b"ListCommands"
        self.answer(asked, list_commands, at=at)
        if booted:
            server.serve()
            for question in self.answer_lists(at=at):  # what a server with a name is asked
                assert question.get(b"action") == b"CoreSettings"
                known = f"AsteriskVersion: 22.10.1\r\nSystemName: at-{server.name}\r\n"
                self.answer(question, known.encode(), at=at)

    def answer_lists(
        self, lists: Mapping[str, Sequence[bytes]] | None = None, *, at: str = ""
    ) -> list[Message]:
        """Answer the lists that the state asks, one after another; returns the other actions that were sent.

        ``lists`` are their items, by the action's name, without ActionID; all others are empty.
        """
        server = self.server(at)
        others: list[Message] = []
        while questions := self.upstreams[server.name].take():
            for question in questions:
                name = question.get(b"action")
                complete = LIST_COMPLETE.get(name.lower())
                if server.state is None or complete is None:
                    others.append(question)
                    continue
                mark = b"\r\nActionID: " + question.get(b"actionid")
                items = [
                    item.replace(b"\r\n", mark + b"\r\n", 1) for item in (lists or {}).get(name.decode(), ())
                ]
                self.feed(
                    b"Response: Success" + mark + b"\r\nEventList: start\r\nMessage: will follow\r\n\r\n",
                    *items,
                    b"Event: "
                    + complete
                    + mark
                    + b"\r\nEventList: Complete\r\nListItems: %d\r\n\r\n" % len(items),
                    at=at,
                )
        return others

    def all_up(self) -> None:
        """Bring the links of all servers up."""
        for name in self.upstreams:
            self.link_up(at=name)

    def answer(self, action: Message, rest: bytes, kind: bytes = b"Success", *, at: str = "") -> None:
        """Asterisk's response to an action it was sent; ``rest`` are further whole lines."""
        relay_id = action.get(b"actionid")
        self.feed(b"Response: " + kind + b"\r\nActionID: " + relay_id + b"\r\n" + rest + b"\r\n", at=at)

    def pong(self) -> list[Message]:
        """Answer the proxy's own Pings up to the first other action; the actions sent from that on."""
        sent = self.upstream.take()
        while sent and sent[0].get(b"action") == b"Ping":
            self.answer(sent.pop(0), b"Ping: Pong\r\n")
        return sent

    def feed(self, *messages: bytes, at: str = "") -> None:
        """Messages from Asterisk, in one read."""
        server = self.server(at)
        framer = UpstreamFramer()
        sound = framer.feed(b"".join(messages)) == list(messages) and framer.sound
        while messages:
            messages = messages[server.from_upstream(messages, sound) :]

    def connect(
        self,
        address: str = "192.0.2.1",
        *,
        by: ListTransport | None = None,
        entrance: Entrance = ANYWHERE,
    ) -> tuple[Session, ListTransport]:
        """A client that has been sent the banner, through the transport ``by`` if given."""
        transport = by or ListTransport(address)
        session = self.hub.attach(transport, entrance)
        banner, writer = session.server.banner, transport.writer
        assert transport.take() == (banner if writer is None else writer.banner(banner))
        return session, transport

    def login(
        self,
        name: str,
        secret: str = "x",
        *,
        by: ListTransport | None = None,
        entrance: Entrance = ANYWHERE,
    ) -> tuple[Session, ListTransport]:
        """A client that has logged in; the bytes that it was sent are removed."""
        session, transport = self.connect(by=by, entrance=entrance)
        session.receive(f"Action: Login\r\nUsername: {name}\r\nSecret: {secret}\r\n\r\n".encode())
        assert b"Authentication accepted" in transport.take()
        return session, transport


def event(name: str, classes: str = "call", **headers: str) -> bytes:
    """A broadcast event as Asterisk writes it."""
    lines = [f"Event: {name}", f"Privilege: {classes},all", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
