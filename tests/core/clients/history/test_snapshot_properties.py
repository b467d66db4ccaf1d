"""Whatever happens around it, a snapshot and the events since make a true picture, and tell no secrets."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.history.kinds.channels import FORM
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.state import OVER
from amiproxy.core.model.users import User
from tests.core.clients.history.keeping import Client, Kept, channel, headers, messages
from tests.support.core_doubles import PlainSealer, event
from tests.support.examples import examples

READ = privilege.ALL & ~privilege.SECURITY
BOARD = User("board", read=READ, write=0, secret="plain:x", history=True, servers=("pbx1",))
CALLS = replace(BOARD, name="calls", read=privilege.CALL)
#: So many that a snapshot of them takes several pieces.
BEFORE = 250
LIMITS = Limits(outbox_soft=1 << 24, outbox_hard=1 << 25, outbox_total=1 << 28)


class Flow:
    """Events of channels, numbered by their CallerIDName as the journal numbers them."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.count = 0
        self.next = 0
        self.up: list[str] = []

    def _event(self, name: str, number: str, classes: str = "call", **more: str) -> None:
        self.count += 1
        told = channel(number, CallerIDName=f"n{self.count}", **more)
        self.kept.feed(event(name, classes, **told))

    def begin(self) -> None:
        number = f"c{self.next}"
        self.next += 1
        self.up.append(number)
        self._event("Newchannel", number)

    def change(self, choice: int) -> None:
        if self.up:
            self._event("Newstate", self.up[choice % len(self.up)])

    def end(self, choice: int) -> None:
        if self.up:
            self._event("Hangup", self.up.pop(choice % len(self.up)))


class Watcher:
    """A client that knows AMI and snapshots, and nothing of the proxy: its own picture of all channels."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.data = b""
        self.picture: dict[str, str] | None = None
        self.fresh: dict[str, str] | None = None
        #: The number of the last event, or of the snapshot, that it has been sent.
        self.number = 0
        self.snapshots = 0

    def read(self) -> None:
        self.data += self.client.transport.take()
        whole, end, self.data = self.data.rpartition(b"\r\n\r\n")
        for raw in messages(whole + end):
            self.take(headers(raw))

    def take(self, told: dict[str, str]) -> None:
        name, key = told.get("Event", ""), told.get("Uniqueid", "")
        if told.get("EventList") == "start":
            assert self.fresh is None
            self.fresh = {}
        elif name == "CoreShowChannel":
            assert self.fresh is not None
            assert key not in self.fresh
            self.fresh[key] = told["CallerIDName"]
        elif name == "ProxySnapshotComplete":
            assert self.fresh is not None
            assert told["EventList"] == "Complete"
            assert int(told["ListItems"]) == len(self.fresh)
            (opened,) = PlainSealer().open(told["Sequence"].encode())
            assert self.number in (0, opened[1]), "events before the snapshot are missing"
            self.number = opened[1]
            self.picture, self.fresh = self.fresh, None
            self.snapshots += 1
        elif key:
            assert self.fresh is None, "an event in a list"
            number = int(told["CallerIDName"].removeprefix("n"))
            assert self.number in (0, number - 1), "an event is missing, or came twice"
            self.number = number
            if self.picture is not None and name == "Hangup":
                self.picture.pop(key, None)
            elif self.picture is not None:
                self.picture[key] = told["CallerIDName"]


STEPS = st.one_of(
    st.tuples(st.just("begin")),
    st.tuples(st.sampled_from(["change", "end"]), st.integers(0, 300)),
    st.tuples(st.sampled_from(["flush", "step", "step", "step", "turn", "settle"])),
    st.tuples(st.sampled_from(["ask", "ping"]), st.integers(0, 2)),
    st.tuples(st.just("room"), st.integers(0, 2), st.sampled_from([0, 100, 20_000, 90_000])),
    st.tuples(st.just("wait"), st.sampled_from([0.01, 0.3])),
)


@examples(0.4)
@given(st.lists(STEPS, max_size=60), st.sampled_from([0.0, 0.02]))
def test_the_picture_of_every_client_is_the_state(steps: list[tuple[Any, ...]], interval: float) -> None:
    kept = Kept(BOARD, CALLS, limits=LIMITS, interval=interval)
    flow = Flow(kept)
    for _ in range(BEFORE):
        flow.begin()
    kept.turn(1)
    clients = [Watcher(kept.login(name)) for name in ("board", "calls", "board")]
    for step in steps:
        match step:
            case ("flush",):
                kept.bench.hub.flush()
            case ("settle",):
                kept.bench.hub.settle()
            case ("step",):
                kept.bench.clock.step()
            case ("turn",):
                kept.turn()
            case ("wait", seconds):
                kept.turn(seconds)
            case ("ask", number):
                clients[number].client.ask(ActionID=str(number))
            case ("ping", number):
                clients[number].client.send("Ping")
            case ("room", number, room):
                client = clients[number].client
                client.transport.room = room
                client.session.writable()
            case (name, *choice):
                getattr(flow, name)(*choice)
        for client in clients:
            client.read()
    for watcher in clients:
        watcher.client.transport.room = None
        while watcher.client.session.writable():
            pass
        watcher.client.ask()
    kept.turn(10)
    for watcher in clients:
        while watcher.client.session.writable():
            kept.turn(1)
        watcher.read()
        assert watcher.client.session.state not in OVER
        assert watcher.snapshots > 0
    server = kept.bench.server()
    assert server.state is not None
    truth = {
        item.key.decode(): item.values[b"CallerIDName"].decode()
        for item in server.state.present(["channels"])["channels"]
    }
    assert sorted(truth) == sorted(flow.up)
    for watcher in clients:
        assert watcher.picture == truth
    assert kept.bench.hub.limit_state.backlog.size == 0


DEVICES = ("PJSIP/100", "PJSIP/200", "PJSIP/300")
HAPPENING = st.tuples(
    st.sampled_from(
        ["Newchannel", "Newstate", "NewCallerid", "Newexten", "BridgeEnter", "BridgeLeave", "Hangup"]
    ),
    st.integers(0, 5),
    st.sampled_from(["1", "2", "3"]),
)


def happens(name: str, number: int, call: str) -> bytes:
    told = channel(str(number), DEVICES[number % 3], Linkedid=f"l{call}", AccountCode=f"a{call}")
    if name == "Newexten":
        return event(name, "dialplan", **told, Application="Dial", AppData="PJSIP/1")
    if name.startswith("Bridge"):
        bridge = {"BridgeUniqueid": f"b{call}", "BridgeType": "basic", "BridgeNumChannels": "1"}
        return event(name, **bridge, **told)
    return event(name, **told)


RIGHTS = st.builds(
    lambda read, filters, scope: replace(
        BOARD,
        read=read,
        filters=FilterSet(tuple(compile_legacy(text) for text in filters)),
        rules=None if scope is None else Rules(scope=scope),
    ),
    st.sampled_from([0, privilege.CALL, privilege.parse_classes("dialplan"), privilege.AGENT, READ]),
    st.lists(
        st.sampled_from(
            [
                b"Event: Newchannel",
                b"!Event: Newexten",
                b"!Channel: PJSIP/200",
                b"Channel: PJSIP/100",
                b"!Exten: 600",
            ]
        ),
        max_size=2,
    ),
    st.sampled_from(
        [
            None,
            Scope(),
            Scope(channels=("PJSIP/100",)),
            Scope(accountcodes=("a2",)),
            Scope(contexts=("internal",)),
        ]
    ),
)
#: Header of an event -> the fields of the item that it tells.
TELLS: dict[str, set[bytes]] = {}
for _carrier in FORM.carriers:
    for _field, _header in _carrier.fields.items():
        TELLS.setdefault(_header.decode(), set()).add(_field)
#: Fields whose values are computed, from when the client was told of the channel.
COMPUTED = {b"Duration"}


@examples(2)
@given(RIGHTS, st.lists(HAPPENING, max_size=30))
def test_a_snapshot_shows_nothing_that_no_event_has_told_the_client(
    user: User, events: list[tuple[str, int, str]]
) -> None:
    kept = Kept(user)
    client = kept.login()
    begun: set[int] = set()
    ended: set[int] = set()
    for name, number, call in events:
        if number not in begun:
            kept.feed(happens("Newchannel", number, call))
            begun.add(number)
        if number not in ended and name != "Newchannel":
            kept.feed(happens(name, number, call))
        if name == "Hangup":
            ended.add(number)
    kept.turn(1)
    told: dict[str, set[bytes]] = {}
    for raw in client.take():
        found = headers(raw)
        if "Uniqueid" in found:
            fields = told.setdefault(found["Uniqueid"], set())
            for header in found:
                fields |= TELLS.get(header, set())
    for raw in client.snapshot(Kinds="channels"):
        found = headers(raw)
        if found.get("Event") == "CoreShowChannel":
            shown = {name.encode() for name, value in found.items() if value} - COMPUTED - {b"Event"}
            assert shown <= told.get(found["Uniqueid"], set())
