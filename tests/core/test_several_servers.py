"""Several servers and sessions in any order: each gets its own, of its own servers, and nothing else."""

from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.message import Message
from amiproxy.core.clients.session import Session
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.state import OVER, State
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench, ListTransport, event

#: The same on every server, as on Asterisks that have just booted.
UNIQUEID = "1700000000.1"


def user(name: str, servers: tuple[str, ...], rules: Rules | None = None) -> User:
    reads = privilege.ALL & ~privilege.SECURITY
    return User(name, read=reads, write=privilege.ALL, secret="plain:x", servers=servers, rules=rules)


def call_of(channel: str) -> dict[str, str]:
    """The headers of an event about this channel."""
    return {"Channel": channel, "ChannelState": "6", "Uniqueid": UNIQUEID, "Linkedid": UNIQUEID}


class Client:
    """One session, what it has asked, and everything that it was sent."""

    def __init__(self, bench: Bench, login: str, servers: tuple[str, ...]) -> None:
        self.session: Session
        self.transport: ListTransport
        self.session, self.transport = bench.login(login)
        #: The servers that it may see; whether it sees their names.
        self.servers = servers
        self.named = "/" not in login and len(servers) > 1
        #: ActionID -> what was asked, and the server it went to ("" for all).
        self.asked: dict[bytes, tuple[str, str]] = {}
        self.raw = b""

    def send(self, action_id: bytes, name: str, server: str) -> None:
        self.asked[action_id] = name, server
        header = f"Server: {server}\r\n" if server and self.named else ""
        self.session.receive(
            f"Action: {name}\r\nActionID: ".encode() + action_id + f"\r\n{header}\r\n".encode()
        )

    def read(self) -> list[Message]:
        self.raw += self.transport.take()
        return [Message(part + b"\r\n\r\n") for part in self.raw.split(b"\r\n\r\n")[:-1]]


class World:
    """A proxy with some servers and clients, and a script of what happens."""

    def __init__(self, count: int) -> None:
        self.names = tuple(f"pbx{number}" for number in range(count))
        scope = Rules(scope=Scope(channels=("SIP/mine-at-pbx0",)))
        users = [
            user("all", self.names),
            user("some", self.names[1:]),
            user("scoped", self.names, scope),
        ]
        configured = Configured(self.names, named=True)
        self.bench = Bench(*users, servers=configured, limits=Limits(link_share=1.0))
        self.bench.all_up()
        self.clients = [
            Client(self.bench, "all", self.names),
            Client(self.bench, "all", self.names),
            Client(self.bench, "some", self.names[1:]),
            Client(self.bench, "some/pbx1", ("pbx1",)),
            Client(self.bench, "scoped", self.names),
        ]
        self.count = 0
        #: What each server has not answered yet.
        self.open: dict[str, list[Message]] = {name: [] for name in self.names}
        #: ActionID -> server -> the items of the list that this server has answered completely.
        self.lists: dict[bytes, dict[bytes, list[bytes]]] = {}
        self.events: list[tuple[str, bytes]] = []

    # -- what may happen ---------------------------------------------------

    def ask(self, place: int, number: int) -> None:
        """A client asks one of its servers, or all of them."""
        client = self.clients[place % len(self.clients)]
        if client.session.state in OVER:
            return
        self.count += 1
        server = (*client.servers, "")[number % (len(client.servers) + 1)]
        is_scoped = client is self.clients[-1]  # it may not list calls
        name = "QueueStatus" if not server or number % 2 or is_scoped else "CoreStatus"
        client.send(b"a%d" % self.count, name, server)

    def answer(self, place: int, number: int) -> None:
        """A server answers the first action that it was sent, all of it or a part."""
        name = self.names[place % len(self.names)]
        self.open[name] += self.bench.upstreams[name].take()
        if not self.open[name]:
            return
        asked = self.open[name].pop(0)
        at = f"At: {name}\r\n".encode()
        line = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
        if asked.get(b"action") != b"QueueStatus":
            self.bench.feed(b"Response: Success\r\n" + line + at + b"\r\n", at=name)
            return
        if number % 7 == 0:
            self.bench.feed(b"Response: Error\r\n" + line + b"Message: No such thing\r\n\r\n", at=name)
            return
        parts = [b"Response: Success\r\n" + line + b"EventList: start\r\n\r\n"]
        parts += [
            b"Event: QueueParams\r\n" + line + b"Queue: q%d\r\n" % item + at + b"\r\n"
            for item in range(number % 4)
        ]
        count = b"ListItems: %d\r\n" % (number % 4)
        parts.append(b"Event: QueueStatusComplete\r\n" + line + b"EventList: Complete\r\n" + count + b"\r\n")
        self.bench.feed(*parts, at=name)

    def lose(self, place: int, _number: int) -> None:
        """A server's link is lost, and comes back."""
        name = self.names[place % len(self.names)]
        self.bench.server(name).link_down("gone")
        self.bench.upstreams[name].take()
        self.open[name].clear()
        self.bench.link_up(at=name)

    def call(self, place: int, number: int) -> None:
        """A server reports a call, whose ids are the same on all of them."""
        name = self.names[place % len(self.names)]
        ids = call_of(f"SIP/mine-at-{name}-00000001")
        self.bench.feed(event(("Newchannel", "Newstate", "Hangup")[number % 3], **ids, At=name), at=name)

    def shout(self, place: int, number: int) -> None:
        """Somebody's UserEvent claims to be of another server."""
        name = self.names[place % len(self.names)]
        claimed = self.names[number % len(self.names)]
        self.bench.feed(event("UserEvent", "user", UserEvent="x", Server=claimed, At=name), at=name)

    def pass_time(self, _place: int, number: int) -> None:
        self.bench.clock.advance(number)
        self.bench.hub.tick(self.bench.clock.now())

    def finish(self) -> None:
        """Every server answers everything."""
        for _ in range(200):
            for place, name in enumerate(self.names):
                self.open[name] += self.bench.upstreams[name].take()
                while self.open[name]:
                    self.answer(place, 2)
            if all(client.session.state is not State.BUSY for client in self.clients):
                break
            self.pass_time(0, 1)  # equal list queries are asked once, with a pause between two of them

    # -- what must hold ----------------------------------------------------

    def check(self) -> None:
        assert self.bench.hub.stats.faults == 0
        for name in self.names:
            self.bench.feed(event("UserEvent", "user", UserEvent="last", At=name), at=name)
        for client in self.clients:
            self.check_client(client)

    def check_client(self, client: Client) -> None:
        messages = client.read()
        for message in messages:
            at, server = message.get(b"at").decode(), message.get(b"server").decode()
            assert not at or at in client.servers, "from a server that it may not see"
            if client.named and at:
                assert server == at, "under another server's name"
                assert message.raw.endswith(f"Server: {at}\r\n\r\n".encode())
            if not client.named and message.get(b"event") != b"UserEvent":
                assert not server
            assert message.get(b"actionid") in {b"", *client.asked}, "the answer to somebody else"
        if client.session.state in OVER:
            return
        for action_id, (name, server) in client.asked.items():
            own = [message for message in messages if message.get(b"actionid") == action_id]
            responses = [message for message in own if message.get(b"response")]
            assert len(responses) == 1, (action_id, name, server)
            if server:
                assert {message.get(b"at").decode() for message in own} <= {"", server}
            if responses[0].get(b"eventlist") == b"start":
                self.check_list(client, own, server)
            else:
                assert len(own) == 1
        last = [message.get(b"at").decode() for message in messages if message.get(b"userevent") == b"last"]
        assert last == ([] if client is self.clients[-1] else list(client.servers))
        if client is self.clients[-1]:
            # Calls with its channel's name are on one server; those on others have the same ids.
            seen = [m for m in messages if m.get(b"uniqueid")]
            assert {m.get(b"server") for m in seen} <= {b"pbx0"}

    def check_list(self, client: Client, own: list[Message], server: str) -> None:
        assert own[0].get(b"response") == b"Success"
        end, items = own[-1], own[1:-1]
        assert end.get(b"event") == b"QueueStatusComplete"
        assert all(message.get(b"event") == b"QueueParams" for message in items)
        found = Counter(message.get(b"at") for message in items)
        if end.get(b"eventlist") == b"Complete":
            assert int(end.get(b"listitems")) == len(items)
        if not client.named or server:
            assert set(found) <= {server.encode() or client.servers[0].encode()}
            return
        here = end.get(b"servers").split(b", ") if end.get(b"servers") else []
        missing = end.get(b"serversmissing").split(b", ") if end.get(b"serversmissing") else []
        assert sorted(here + missing) == sorted(name.encode() for name in client.servers)
        assert here or missing
        for name in here:
            own_items = [message.get(b"queue") for message in items if message.get(b"at") == name]
            assert own_items == [b"q%d" % number for number in range(len(own_items))]


STEPS: list[Callable[[World, int, int], None]] = [
    World.ask,
    World.ask,
    World.answer,
    World.answer,
    World.call,
    World.shout,
    World.lose,
    World.pass_time,
]


@given(
    count=st.integers(2, 5),
    script=st.lists(
        st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 9), st.integers(0, 30)), max_size=60
    ),
)
@settings(deadline=None)
def test_each_client_gets_exactly_what_is_its_own(count: int, script: list[tuple[int, int, int]]) -> None:
    world = World(count)
    for step, place, number in script:
        STEPS[step](world, place, number)
    world.finish()
    world.check()


def test_calls_with_equal_ids_on_two_servers_never_join() -> None:
    world = World(2)
    for name in world.names:
        ids = call_of(f"SIP/mine-at-{name}-00000001")
        world.bench.feed(event("Newchannel", **ids, At=name), at=name)
    for name in world.names:
        ids = call_of("Local/x@y-00000001;1")
        world.bench.feed(event("Newstate", **ids, At=name), at=name)
    seen = [(m.get(b"event"), m.get(b"at")) for m in world.clients[-1].read() if m.get(b"at")]
    assert seen == [(b"Newchannel", b"pbx0"), (b"Newstate", b"pbx0")]
