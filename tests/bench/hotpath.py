# ruff: noqa: T201  (a program that prints)
"""The cost of one event in the core, without sockets: ``python -m tests.bench.hotpath``.

Events in Asterisk's form go through ``UpstreamFramer.feed`` and
``Server.from_upstream`` to sessions whose transports take all and keep nothing.  With one thread,
no kernel and the same events each time, a change of the hot path of one per cent is visible;
compare two runs on one machine, before and after.  The rows vary one
thing each: members of an audience, audiences, filters, events in a read, items
of a list, servers, whether clients see one or all of them, and a journal.  CPU time is
counted, and each row is the best of several passes: slower ones were disturbed.
"""

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.ami.framing import UpstreamFramer
from amiproxy.core.clients.session import Session
from amiproxy.core.fanout.eventview import Sight, bound_view, multi_view
from amiproxy.core.fanout.outbox import Outbox
from amiproxy.core.model.limits import HistoryBounds, Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers.server import Server
from amiproxy.net.host.sealing import AesSealer
from tests.bench.tables import markdown
from tests.support.core_doubles import Bench, ListTransport
from tests.support.fan_out import FanOut

_CLASSES = ("call", "dialplan", "call", "reporting", "agent", "call", "dialplan", "call")
_READ = privilege.parse_classes(",".join(sorted({*_CLASSES})))
_LIMITS = Limits(
    in_flight_per_session=500,
    in_flight=500,
    sessions_authenticated=1024,
    sessions_per_user=4096,
    action_burst=1_000_000,
)


class Row(NamedTuple):
    """The parameters of a row: audiences, members of each, events of one read together."""

    what: str
    audiences: int = 1
    members: int = 1
    filtered: bool = False
    per_read: int = 8
    distinct_heads: int = 8
    #: Whether a journal of the events is kept, and the state that they tell; whether the clients asked for
    #: the positions of events.
    journal: bool = False
    state: bool = False
    numbered: bool = False


ROWS = (
    Row("nobody listens", audiences=0),
    Row("1 client"),
    Row("10 clients", members=10),
    Row("100 clients", members=100),
    Row("1000 clients", members=1000),
    Row("100 clients, 1 event a read", members=100, per_read=1),
    Row("100 clients, 64 events a read", members=100, per_read=64),
    Row("10 audiences", audiences=10),
    Row("100 audiences", audiences=100),
    Row("1 filter", filtered=True),
    Row("10 filters", audiences=10, filtered=True),
    Row("100 filters", audiences=100, filtered=True),
    Row("10 clients, 500 event names", members=10, distinct_heads=500),
    Row("nobody listens, journal", audiences=0, journal=True),
    Row("1 client, journal", journal=True),
    Row("10 clients, journal", members=10, journal=True),
    Row("10 clients, journal, state", members=10, journal=True, state=True),
    Row("10 clients, journal, positions", members=10, journal=True, numbered=True),
    Row("100 clients, journal", members=100, journal=True),
    Row("100 clients, journal, positions", members=100, journal=True, numbered=True),
)
#: Items of the lists that a client asks for.
LISTS = (0, 20, 200)


class ServersRow(NamedTuple):
    """Servers whose events come in turn, and how many clients get each event."""

    servers: int
    #: Whether each client sees all servers, or the one that it is bound to.
    named: bool
    members: int = 100
    per_read: int = 8

    @property
    def what(self) -> str:
        """Its name in the table."""
        server = f"{self.servers} server{'s' if self.servers > 1 else ''}"
        return f"{server}, {self.members} clients {'of all' if self.named else 'bound to each'}"


SERVERS = tuple(ServersRow(servers, named) for servers in (1, 5, 20) for named in (False, True))


class _Sink(ListTransport):
    """Takes everything and keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)

    def send(self, data: bytes) -> int:
        return len(data)


def wire(events: int, heads: int = 8) -> list[bytes]:
    """Events of about 400 bytes, as Asterisk writes them."""
    return [
        (
            f"Event: Newstate{number % heads}\r\nPrivilege: {_CLASSES[number % len(_CLASSES)]},all\r\n"
            f"Channel: PJSIP/4100-{number:08x}\r\nChannelState: 6\r\nChannelStateDesc: Up\r\n"
            f"CallerIDNum: +4670000{number % 10000:04d}\r\nCallerIDName: Caller {number}\r\n"
            "ConnectedLineNum: 4100\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\nAccountCode: \r\n"
            f"Context: incoming\r\nExten: 4100\r\nPriority: 1\r\nUniqueid: 1763894400.{number}\r\n"
            f"Linkedid: 1763894400.{number}\r\nDevice: PJSIP/4117\r\nState: INUSE\r\n\r\n"
        ).encode()
        for number in range(events)
    ]


def _spread(number: int) -> int:
    """The number's bits, put where a mask has classes that no event here has."""
    unused = [1 << bit for bit in range(privilege.ALL.bit_length()) if not _READ >> bit & 1]
    return sum(place for bit, place in enumerate(unused) if number >> bit & 1)


def users(row: Row) -> list[User]:
    """One for each audience: no two see the same, though each sees all events."""
    made = []
    for number in range(row.audiences):
        filters = (
            FilterSet((compile_legacy(b"!UserEvent: Nothing%d$" % number),)) if row.filtered else FilterSet()
        )
        # Other rights to classes that no event here has make views differ where no filter does.
        read = privilege.ALL if row.filtered else _READ | _spread(number)
        made.append(User(f"u{number}", read=read, filters=filters, secret="plain:x", history=row.journal))
    return made


def _hub(row: Row) -> Bench:
    bench = Bench(*users(row), limits=_LIMITS, sealer=AesSealer())
    bench.link_up()
    bench.server().keep(HistoryBounds() if row.journal else None, present=row.state)
    views = set()
    for number in range(row.audiences):
        for _ in range(row.members):
            session = bench.hub.attach(_Sink())
            session.receive(b"Action: Login\r\nUsername: u%d\r\nSecret: x\r\n\r\n" % number)
            if row.numbered:
                session.receive(b"Action: Events\r\nEventMask: on\r\nProxySequence: on\r\n\r\n")
            views.add(session.subscription)
    assert len(views) == row.audiences, f"{len(views)} audiences of {row.audiences}"
    return bench


def _take(server: Server, framer: UpstreamFramer, data: bytes) -> None:
    """Hand over one read, as the link does: the server takes a part of it at a time."""
    messages = framer.feed(data)
    while messages:
        messages = messages[server.from_upstream(messages, framer.sound) :]


def one_pass(row: Row, events: Sequence[bytes]) -> float:
    """Seconds for all events, once."""
    bench = _hub(row)
    framer = UpstreamFramer(_LIMITS.upstream_message_bytes, _LIMITS.upstream_unfinished_bytes)
    reads = [b"".join(events[n : n + row.per_read]) for n in range(0, len(events), row.per_read)]
    hub = bench.hub
    gc.collect()
    before = hub.subscriptions.deliveries  # excludes events that the logins themselves caused
    began = time.thread_time()
    for data in reads:
        _take(hub.servers.first, framer, data)
    taken = time.thread_time() - began
    delivered = hub.subscriptions.deliveries - before
    expected = len(events) * row.audiences * row.members
    assert delivered == expected, f"{delivered} deliveries of {expected}"
    return taken


def one_pass_of_servers(row: ServersRow, events: Sequence[bytes]) -> float:
    """Seconds for all events, once; each read is from the next server, and flushed at its end."""
    names = [f"pbx{number}" for number in range(row.servers)]
    site = FanOut(*names, follows_calls=False)
    sights = tuple(Sight(name, privilege.ALL, None) for name in names)
    views = (
        [multi_view(None, sights, privilege.ALL, None)]
        if row.named
        else [bound_view(None, sight) for sight in sights]
    )
    for view in views:
        for _ in range(row.members):
            member = site.member(view)
            member.outbox = Outbox(_Sink(), 1 << 20)
    framer = UpstreamFramer(_LIMITS.upstream_message_bytes, _LIMITS.upstream_unfinished_bytes)
    reads = [b"".join(events[n : n + row.per_read]) for n in range(0, len(events), row.per_read)]
    servers = list(site.servers)
    gc.collect()
    began = time.thread_time()
    for number, data in enumerate(reads):
        _take(servers[number % row.servers], framer, data)
        site.flush()
    taken = time.thread_time() - began
    delivered = site.subscriptions.deliveries
    assert delivered == len(events) * row.members, f"{delivered} deliveries"
    return taken


def one_list(items: int, lists: int) -> float:
    """Seconds for this many lists, each requested by a client and relayed item by item."""
    bench = Bench(User("u0", read=privilege.ALL, write=privilege.ALL, secret="plain:x"), limits=_LIMITS)
    bench.link_up()
    session: Session = bench.hub.attach(_Sink())
    session.receive(b"Action: Login\r\nUsername: u0\r\nSecret: x\r\nEvents: off\r\n\r\n")
    framer = UpstreamFramer(_LIMITS.upstream_message_bytes, _LIMITS.upstream_unfinished_bytes)
    taken = 0.0
    for number in range(lists):
        began = time.thread_time()
        session.receive(b"Action: CoreShowChannels\r\nActionID: mine/%d\r\n\r\n" % number)
        taken += time.thread_time() - began
        (asked,) = bench.upstream.take()
        answer = _list(asked.get(b"actionid"), items)
        began = time.thread_time()
        _take(bench.hub.servers.first, framer, answer)
        taken += time.thread_time() - began
    return taken


def _list(relay_id: bytes, items: int) -> bytes:
    item = (
        b"Event: CoreShowChannel\r\nActionID: %b\r\nChannel: PJSIP/4100-00000001\r\nChannelState: 6\r\n"
        b"ChannelStateDesc: Up\r\nCallerIDNum: +46700001000\r\nContext: incoming\r\nExten: 4100\r\n"
        b"Uniqueid: 1763894400.1\r\nLinkedid: 1763894400.1\r\nApplication: Queue\r\n\r\n"
    ) % relay_id
    return (
        b"Response: Success\r\nActionID: %b\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n%b"
        b"Event: CoreShowChannelsComplete\r\nActionID: %b\r\nEventList: Complete\r\nListItems: %d\r\n\r\n"
    ) % (relay_id, item * items, relay_id, items)


def table(events: int, passes: int) -> str:
    """All rows, in nanoseconds."""
    # As many deliveries in each row, within reason, so that each takes about as long.
    counts = [max(row.per_read * 4, events // max(1, row.audiences * row.members // 10)) for row in ROWS]
    wires = [wire(count, row.distinct_heads) for row, count in zip(ROWS, counts, strict=True)]
    lists = [max(4, events // 10 // max(items, 20)) for items in LISTS]
    counts_of_servers = [max(row.per_read * row.servers * 4, events // 10) for row in SERVERS]
    wires_of_servers = [wire(count) for count in counts_of_servers]
    best_of_servers = [float("inf")] * len(SERVERS)
    best = [float("inf")] * len(ROWS)
    best_lists = [float("inf")] * len(LISTS)
    for _ in range(passes):  # all rows in turn: a disturbance of one pass affects few rows
        for number, row in enumerate(ROWS):
            best[number] = min(best[number], one_pass(row, wires[number]))
        for number, of_servers in enumerate(SERVERS):
            seconds = one_pass_of_servers(of_servers, wires_of_servers[number])
            best_of_servers[number] = min(best_of_servers[number], seconds)
        for number, items in enumerate(LISTS):
            best_lists[number] = min(best_lists[number], one_list(items, lists[number]))
    rows = []
    for row, count, seconds in zip(ROWS, counts, best, strict=True):
        each = seconds / count * 1e9
        audiences, clients = row.audiences, row.audiences * row.members
        rows.append(
            [
                row.what,
                f"{each:,.0f}",
                f"{each / audiences:,.0f}" if audiences else "-",
                f"{each / clients:,.0f}" if clients else "-",
            ]
        )
    for of_servers, count, seconds in zip(SERVERS, counts_of_servers, best_of_servers, strict=True):
        each = seconds / count * 1e9
        rows.append([of_servers.what, f"{each:,.0f}", f"{each:,.0f}", f"{each / of_servers.members:,.0f}"])
    for items, count, seconds in zip(LISTS, lists, best_lists, strict=True):
        each = seconds / count * 1e9
        rows.append([f"a list of {items} items", f"{each:,.0f}", "-", f"{each / (items + 2):,.0f}"])
    return markdown(["", "ns/event (or list)", "ns/event and audience", "ns/delivery (or message)"], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="hotpath", description="What one event costs in the core.")
    parser.add_argument(
        "--events", type=int, default=20000, help="events in the rows with one client (20000)"
    )
    parser.add_argument("--passes", type=int, default=5, help="of which the best counts (5)")
    options = parser.parse_args(arguments)
    print(table(options.events, options.passes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
