"""A client that resumes after any cuts is sent what a client is sent that was never cut off."""

from collections import defaultdict
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.ami.message import Message
from amiproxy.core.clients.session import Session
from amiproxy.core.model.limits import HistoryBounds, Limits
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.state import OVER
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench, ListTransport, event

_END = b"\r\n\r\n"
NAMES = ("pbx1", "pbx2", "pbx3")
DESK = Rules(scope=Scope(channels=("SIP/desk",), more_events=False))


def user(name: str, servers: tuple[str, ...], read: int = privilege.ALL, rules: Rules | None = None) -> User:
    reads = read & ~privilege.SECURITY
    filters = FilterSet((compile_legacy(b"!Secret: yes"),))
    return User(
        name,
        read=reads,
        write=privilege.ALL,
        secret="plain:x",
        servers=servers,
        filters=filters,
        rules=rules,
        history=True,
    )


def read_token(token: bytes) -> tuple[bytes, int]:
    """Epoch and sequence."""
    epoch, _, number = token.partition(b"-")
    return epoch, int(number)


class Client:
    """A dashboard: it keeps what it was sent, by server, and the last token of each server."""

    def __init__(
        self, bench: Bench, login: str, servers: tuple[str, ...], mask: str, *, numbered: bool
    ) -> None:
        self.bench = bench
        self.login = login
        self.servers = servers
        self.mask = mask
        #: Whether it asks for positions; without them, it shares its subscription with none that does.
        self.numbered = numbered
        self.seen: dict[str, list[bytes]] = defaultdict(list)
        self.tokens = {}
        for name in servers:
            journal = bench.server(name).journal
            assert journal is not None
            self.tokens[name] = journal.token(journal.last)
        #: By epoch: the position of the last snapshot.
        self.after: dict[bytes, int] = {}
        #: Whether an event may come late, with the position before the one that revealed it.
        self.is_scoped = login.startswith("desk")
        self.answers: list[bytes] = []
        self.asked = 0
        self.session: Session
        self.transport: ListTransport
        self.connect()

    @property
    def wish(self) -> str:
        return f"ProxySequence: {'on' if self.numbered else 'off'}"

    def connect(self) -> None:
        self.transport = ListTransport()
        self.session, _ = self.bench.connect(by=self.transport)
        self.partial = b""
        self.answers.clear()
        self.ask("Login", f"Username: {self.login}", "Secret: x", "Events: off")
        tokens = b".".join(self.tokens.values()).decode()
        self.ask("ProxyResume", f"From: {tokens}", f"EventMask: {self.mask}", self.wish)
        self.read()
        assert [Message(answer).get(b"response") for answer in self.answers] == [b"Success"] * 2, self.answers

    def ask(self, action: str, *headers: str) -> None:
        self.asked += 1
        lines = (f"Action: {action}", f"ActionID: {self.asked}", *headers)
        self.session.receive("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")

    def read(self) -> None:
        """Take what was sent; the beginning of a message that is not complete waits for its rest."""
        *messages, self.partial = (self.partial + self.transport.take()).split(_END)
        for raw in messages:
            message = Message(raw + _END)
            number = message.get(b"number")
            if number:
                server = message.get(b"at").decode()
                self.seen[server].append(number)
                token = message.get(b"proxysequence")
                assert bool(token) is self.numbered
                if token:
                    self.tokens[server] = token
                    epoch, position = read_token(token)
                    assert position > self.after.get(epoch, -1) - self.is_scoped
                assert message.get(b"server").decode() == (server if len(self.servers) > 1 else "")
            elif message.get(b"event") == b"ProxySnapshotComplete":
                self.check_snapshot(message.get(b"sequence"))
            elif message.get(b"actionid"):
                self.answers.append(raw)

    def check_snapshot(self, sequence: bytes) -> None:
        """All events up to the snapshot's position have been sent, and none after it."""
        at = dict(map(read_token, sequence.split(b".")))
        assert len(at) == len(self.servers)
        for token in self.tokens.values():
            epoch, number = read_token(token)
            assert number <= at[epoch]
        self.after = at

    def cut(self) -> None:
        """The connection breaks; what was not sent until now is lost."""
        self.read()
        self.session.lost("connection lost")

    @property
    def is_open(self) -> bool:
        return self.session.state not in OVER


class World:
    """Some servers, a client of each kind that is never cut off, and one beside it that is."""

    def __init__(self, mask: str) -> None:
        configured = Configured(NAMES, named=True)
        users = [
            user("board", NAMES),
            user("calls", NAMES, privilege.CALL),
            user("desk", NAMES, rules=DESK),
        ]
        limits = Limits(outbox_hard=1 << 20)
        self.bench = Bench(*users, servers=configured, limits=limits, interval=0.01)
        for name in NAMES:
            self.bench.server(name).keep(HistoryBounds(), present=True)
        self.bench.all_up()
        kinds = [
            ("board", NAMES),
            ("calls", NAMES),
            ("board/pbx2", ("pbx2",)),
            ("desk", NAMES),
            ("desk/pbx1", ("pbx1",)),
        ]
        self.steady = [Client(self.bench, *kind, mask, numbered=False) for kind in kinds]
        self.torn = [Client(self.bench, *kind, mask, numbered=True) for kind in kinds]
        self.bench.clock.advance(0)
        self.count = 0

    # -- what may happen ---------------------------------------------------

    def feed(self, place: int, number: int) -> None:
        name = NAMES[place % 3]
        events = []
        for _ in range(number):
            self.count += 1
            classes = ("call", "agent", "system,call")[self.count % 3]
            secret = "yes" if self.count % 5 == 0 else "no"
            filler = "x" * (self.count * 37 % 300)
            kind = f"Kind{self.count % 4}"
            headers = {"At": name, "Number": str(self.count), "Secret": secret, "Filler": filler}
            events.append(event(kind, classes, **headers))
        if events:
            self.bench.feed(*events, at=name)

    def call(self, place: int, number: int) -> None:
        """An event of one of some calls: of its trunk, of a telephone that it rings, or that joins two."""
        name = NAMES[place % 3]
        call = number // 7 % 2
        device = ("SIP/desk", "SIP/other", "SIP/desk-2")[number // 14]
        trunk, leg = f"{call}.1", f"{call}.{number // 14 + 2}"
        ids = {"Channel": f"SIP/trunk-{call}", "Uniqueid": trunk, "Linkedid": trunk}
        own = {"Channel": f"{device}-0000000{call}", "Uniqueid": leg, "Linkedid": trunk}
        other = {"DestChannel": "SIP/trunk-9", "DestUniqueid": f"{1 - call}.1"}
        kinds: list[tuple[str, dict[str, str]]] = [
            ("Newchannel", ids),
            ("Newstate", ids),
            ("Newstate", ids),
            ("Newchannel", own),
            ("Hangup", own),
            ("DialBegin", {**ids, **other}),
            ("Hangup", ids),
        ]
        kind, headers = kinds[number % 7]
        self.count += 1
        self.bench.feed(event(kind, **headers, ChannelState="6", At=name, Number=str(self.count)), at=name)

    def storm(self, place: int, number: int) -> None:
        self.feed(place, number * 40)

    def cut(self, place: int, number: int) -> None:
        client = self.torn[place % 5]
        if client.transport.room is not None and number % 2:
            client.transport.room = 0
        client.cut()
        client.connect()

    def leave(self, place: int, _number: int) -> None:
        self.torn[place % 5].cut()

    def come_back(self, place: int, _number: int) -> None:
        client = self.torn[place % 5]
        if not client.is_open:
            client.connect()

    def slow(self, place: int, number: int) -> None:
        self.torn[place % 5].transport.room = number * 100

    def take(self, place: int, number: int) -> None:
        client = self.torn[place % 5]
        if client.is_open and client.transport.room is not None:
            client.transport.room += number * 1000
            while client.session.writable():
                pass

    def pass_time(self, _place: int, number: int) -> None:
        self.bench.clock.advance(number / 100)

    def tick(self, _place: int, _number: int) -> None:
        self.bench.hub.tick(self.bench.clock.now())

    def ping(self, place: int, _number: int) -> None:
        client = self.torn[place % 5]
        if client.is_open:
            client.ask("Ping")

    def wait_event(self, place: int, number: int) -> None:
        client = self.torn[place % 5]
        if client.is_open:
            client.ask("WaitEvent", f"Timeout: {number}")

    def snapshot(self, place: int, _number: int) -> None:
        client = self.torn[place % 5]
        if client.is_open:
            client.ask("ProxySnapshot", "Kinds: channels")

    def add_filter(self, place: int, number: int) -> None:
        """It drops nothing, as the client that is never cut off does not add it."""
        client = self.torn[place % 5]
        if client.is_open:
            client.ask("Filter", "Operation: Add", f"Filter: !Number: n{number}")

    # -- what must hold ----------------------------------------------------

    def check(self) -> None:
        for _ in range(3):
            for client in self.torn:
                if client.is_open:
                    client.transport.room = None
                    while client.session.writable():
                        pass
                else:
                    client.read()
                    client.connect()
            self.bench.clock.advance(40)
        assert self.bench.hub.stats.faults == 0
        assert len(self.bench.hub.cursors) == 0
        for steady, torn in zip(self.steady, self.torn, strict=True):
            steady.read()
            torn.read()
            assert torn.is_open
            if torn.is_scoped:
                # Of a call that turns out to be its own, a client is sent the first events late.  One that
                # was away is sent them where they belong.
                for client in (steady, torn):
                    for numbers in client.seen.values():
                        numbers.sort()
            assert torn.seen == steady.seen
        assert self.bench.hub.limit_state.backlog.size == 0
        for name in NAMES:
            assert self.bench.hub.stats.history_of(name).catching_up == 0


STEPS: list[Callable[[World, int, int], None]] = [
    World.feed,
    World.feed,
    World.storm,
    World.call,
    World.call,
    World.call,
    World.cut,
    World.leave,
    World.come_back,
    World.slow,
    World.take,
    World.pass_time,
    World.tick,
    World.ping,
    World.wait_event,
    World.add_filter,
    World.snapshot,
]


def script(*steps: tuple[Callable[[World, int, int], None], int, int]) -> list[tuple[int, int, int]]:
    return [(STEPS.index(step), place, number) for step, place, number in steps]


#: A call comes in, the client's connection breaks, and then the call rings the client's telephone.
REVEALED_AFTER = script(
    (World.call, 0, 0), (World.cut, 4, 0), (World.pass_time, 0, 1), (World.call, 0, 3), (World.cut, 4, 0)
)
#: The telephone rings while the client is away.
REVEALED_BEFORE = script(
    (World.call, 0, 0), (World.leave, 4, 0), (World.call, 0, 3), (World.come_back, 4, 0), (World.call, 0, 1)
)


@example("on", REVEALED_AFTER)
@example("on", REVEALED_BEFORE)
@given(
    mask=st.sampled_from(["on", "call", "call,system", "agent"]),
    steps=st.lists(
        st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 5), st.integers(0, 41)), max_size=60
    ),
)
@settings(deadline=None)
def test_nothing_is_lost_doubled_or_out_of_order(mask: str, steps: list[tuple[int, int, int]]) -> None:
    world = World(mask)
    for step, place, number in steps:
        STEPS[step](world, place, number)
    world.check()
