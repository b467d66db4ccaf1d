"""Over a tagged link, in any order and any parts, clients are sent what they are sent over an ordinary one.

The same clients send the same actions to two proxies.  One has ordinary links.  The other has tagged links,
behind each of which an agent runs the actions over an ordinary link to the same Asterisk.
"""

import re
from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action, Message, parse_action
from amiproxy.core.model.limits import HistoryBounds, Limits
from amiproxy.core.model.users import User
from amiproxy.core.policy import Allow
from amiproxy.core.servers.answers.failures import NOT_CONNECTED, OUTCOME_UNKNOWN
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench, ListTransport
from tests.support.tagged import TaggedListUpstream, tag_up

NAMES = ("pbx1", "pbx2")
DESCRIBED = {
    b"listed": Answer(AnswerKind.LIST, b"ListedComplete"),
    b"evented": Answer(AnswerKind.EVENT),
    b"rowed": Answer(AnswerKind.ROWS),
}
OTHERS = OtherActions(answers=DESCRIBED, undescribed_for_system=True)
USERS = [
    User(name, write=privilege.ALL, secret="plain:x", servers=servers, default_server=servers[-1])
    for name, servers in (("bound", NAMES[:1]), ("bound2", NAMES[:1]), ("multi", NAMES), ("multi2", NAMES))
]
#: Nobody is sent events, and only the order of actions counts, not the time that they take.
LIMITS = Limits(link_share=1.0)
CALL = "Channel: PJSIP/1\r\nContext: c\r\nExten: 1\r\nPriority: 1\r\nTimeout: 5000\r\n"
ACTIONS = {
    "Getvar": "Variable: X\r\n",
    "Command": "Command: core show uptime\r\n",
    "CoreShowChannels": "",
    "QueueStatus": "",
    "IAXpeers": "",
    "SIPpeers": "",
    "FAXStats": "",
    "IAXnetstats": "",
    "Listed": "",
    "Evented": "",
    "Rowed": "",
    "Undescribed": "",
    "Refused": "",
    "Silent": "",
    "Originate": CALL,
    "Originate!": CALL + "Async: true\r\n",
    "Originate?": CALL.replace("PJSIP/1", "PJSIP/0"),
}


def allow(_user: User, action: Action, _table: object) -> Allow:
    return Allow(action, "test", False)


def lines(*given: bytes) -> bytes:
    return b"\r\n".join(given) + b"\r\n\r\n"


def answer_of(asked: Message, server: str) -> list[bytes]:
    """What Asterisk writes."""
    name, ours = asked.get(b"action").decode(), b"ActionID: " + asked.get(b"actionid")
    success, here = b"Response: Success", b"Where: " + server.encode()
    start = lines(success, ours, b"EventList: start", b"Message: will follow")

    def item(event: bytes, *rest: bytes, tagged: bool = True) -> bytes:
        return lines(b"Event: " + event, *([ours] if tagged else []), *rest, here)

    def end(event: bytes, count: int) -> bytes:
        return lines(b"Event: " + event, ours, b"EventList: Complete", b"ListItems: %d" % count)

    match name:
        case "Command":
            return [lines(success, ours, b"Message: Command output follows", b"Output: a", b"Output: b: c")]
        case "CoreShowChannels":
            items = [item(b"CoreShowChannel", b"Channel: x%d" % number) for number in range(5)]
            forged = item(b"CoreShowChannel", b"Application: a\nEventList: Complete")
            return [start, *items, forged, *items, end(b"CoreShowChannelsComplete", 11)]
        case "QueueStatus":  # without its last event
            return [start, item(b"QueueParams"), item(b"QueueMember"), item(b"QueueMember")]
        case "IAXpeers":
            peers = [item(b"PeerEntry", b"ObjectName: %d" % n, tagged=False) for n in range(3)]
            return [start, *peers, end(b"PeerlistComplete", 3)]
        case "SIPpeers":
            return [start, end(b"PeerlistComplete", 0)]
        case "FAXStats" | "Evented":
            return [lines(success, ours), item(b"FAXStats", b"A: b")]
        case "IAXnetstats":
            return [b"IAX2/a 12 34\r\n\r\n", b"Response: Odd\r\n\r\n", b"Event: Odd\r\n\r\n"]
        case "Rowed":
            return []
        case "Listed":
            return [
                start,
                item(b"One"),
                item(b"Two"),
                lines(b"Event: ListedComplete", b"EventList: Complete"),
            ]
        case "Undescribed":
            return [lines(success, ours), item(b"One"), lines(ours, b"no event: x"), item(b"Two")]
        case "Refused":
            return [lines(b"Response: Error", ours, b"Message: No")]
        case "Silent":
            return []
        case "Originate" if asked.get(b"channel") == b"PJSIP/0":
            return [lines(b"Response: Error", ours, b"Message: No such extension")]
        case "Originate":
            # Its last line is on which link it comes; the call of one server fails.
            outcome = b"Success" if server == "pbx1" else b"Failure"
            told = (
                b"Event: OriginateResponse",
                b"Privilege: call,all",
                ours,
                b"Response: " + outcome,
                b"Channel: x",
            )
            return [lines(success, ours, b"Message: Originate successfully queued"), lines(*told)]
        case _:
            return [lines(success, ours, b"Value: " + server.encode())]


def run_asterisk(bench: Bench, at: str, server: str) -> bool:
    """Answer what was sent over an ordinary link to the Asterisk ``server``; returns whether that was any."""
    asked = bench.upstreams[at].take()
    for action in asked:
        for raw in answer_of(action, server):
            bench.feed(raw, at=at)
    return bool(asked)


class Answered:
    """The client of an agent that runs one action for an edge."""

    payer = "edge"
    on_behalf = None

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.is_over = False

    def reply(self, data: bytes) -> None:
        assert not self.is_over
        self.parts.append(data)

    def failed(self, data: bytes, _reason: bytes) -> None:
        if data:
            self.reply(data)
        self.finished()

    def finished(self) -> None:
        assert not self.is_over
        self.is_over = True

    def hold_events(self) -> None:
        """It is sent none."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        raise AssertionError(limit)


class Agent:
    """A process beside an Asterisk; it answers what an edge has sent, in any order and in any parts."""

    def __init__(self, server: str, edge: Bench) -> None:
        self.server = server
        self.edge = edge.server(server)
        self.upstream: TaggedListUpstream = tag_up(edge, at=server)
        self.own = Bench(limits=LIMITS)
        self.own.server().adopt_actions(OTHERS)
        self.own.server().keep(HistoryBounds(), present=False)
        self.own.link_up()
        journal = self.own.server().journal
        assert journal is not None
        self.journal = journal
        #: The last event that the edge has had.
        self.sequence = journal.last
        #: What is to be sent of each answer, by the relay id of its action.
        self.pending: dict[bytes, list[bytes]] = {}
        #: How often parts of an answer are lost.
        self.losses = 0.0

    def take(self) -> None:
        """Run what the edge has sent."""
        asked = {sent.relay_id: Answered() for sent in self.upstream.sent}
        for sent in self.upstream.take_sent():
            self.own.server().exchange.submit(asked[sent.relay_id], parse_action(sent.data))
        while not all(one.is_over for one in asked.values()):
            if not run_asterisk(self.own, "asterisk", self.server):
                self.own.clock.advance(1.0)
                self.own.hub.tick(self.own.clock.now())
        self.pending |= {relay_id: one.parts for relay_id, one in asked.items()}

    @property
    def is_done(self) -> bool:
        return not self.pending and self.sequence == self.journal.last

    def tell(self, random: Random) -> None:
        """Send the edge a part of any answer, or events."""
        if self.sequence < self.journal.last and (not self.pending or random.random() < 0.3):
            entries = self.journal.after(self.journal.epoch, self.sequence)
            assert entries is not None
            self.sequence = entries.last
            assert self.edge.from_upstream(entries.raws) == len(entries.raws)
        elif self.pending:
            relay_id = random.choice(list(self.pending))
            if random.random() < self.losses:
                del self.pending[relay_id]
                self.edge.not_answered(relay_id, random.choice([OUTCOME_UNKNOWN, NOT_CONNECTED]))
                return
            messages = self.pending[relay_id]
            count = random.randint(0, len(messages))
            part, rest = messages[:count], messages[count:]
            last = not rest and random.random() < 0.7
            self.pending[relay_id] = rest
            if last:
                del self.pending[relay_id]
            self.edge.answered(relay_id, part, last=last)


def make() -> Bench:
    bench = Bench(*USERS, limits=LIMITS, servers=Configured(NAMES, named=True), decide=allow)
    for server in bench.hub.servers:
        server.adopt_actions(OTHERS)
    return bench


class Clients:
    """What some clients send to one proxy and are sent by it."""

    def __init__(self, bench: Bench, asked: Sequence[tuple[int, str, str]]) -> None:
        self.bench = bench
        users = [user.name for user in USERS] * 2
        self.sessions = [bench.login(name) for name in users]
        for number, (client, name, server) in enumerate(asked):
            text = f"Action: {name.rstrip('!?')}\r\n{ACTIONS[name]}{server}"
            text += f"ActionID: {number}\r\n" if number % 3 else ""
            self.sessions[client % len(users)][0].receive(text.encode() + b"\r\n")

    @property
    def are_waiting(self) -> bool:
        return any(not session.is_idle for session, _ in self.sessions)

    def wait(self) -> None:
        self.bench.clock.advance(0.3)
        self.bench.hub.tick(self.bench.clock.now())

    @property
    def heard(self) -> list[bytes]:
        transports: list[ListTransport] = [transport for _, transport in self.sessions]
        return [transport.take() for transport in transports]


def by_server(heard: bytes) -> dict[bytes, list[bytes]]:
    """The messages of each server, in order: those of one may come before those of another."""
    found: dict[bytes, list[bytes]] = {}
    for raw in heard.split(b"\r\n\r\n"):
        found.setdefault(Message(raw + b"\r\n\r\n").get(b"server"), []).append(raw)
    return found


def over_ordinary_links(asked: Sequence[tuple[int, str, str]]) -> list[bytes]:
    bench = make()
    bench.all_up()
    clients = Clients(bench, asked)
    while clients.are_waiting:
        if not sum(run_asterisk(bench, name, name) for name in NAMES):
            clients.wait()
    return clients.heard


def over_tagged_links(
    asked: Sequence[tuple[int, str, str]], random: Random, losses: float = 0.0
) -> list[bytes]:
    bench = make()
    agents = [Agent(name, bench) for name in NAMES]
    for agent in agents:
        agent.losses = losses
    clients = Clients(bench, asked)
    while clients.are_waiting:
        for agent in agents:
            agent.take()
        busy = [agent for agent in agents if not agent.is_done]
        if busy:
            random.choice(busy).tell(random)
        else:
            clients.wait()
    for server in bench.hub.servers:
        assert (server.in_flight, server.unanswered, server.counts.strays) == (0, 0, 0)
        assert losses or not server.counts.action_timeouts
    return clients.heard


ASKED = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(list(ACTIONS)), st.sampled_from(["", "Server: pbx1\r\n"])),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=100)
@given(ASKED, st.integers(0, 2**32))
def test_each_client_is_sent_what_it_is_sent_over_an_ordinary_link(
    asked: list[tuple[int, str, str]], seed: int
) -> None:
    tagged, ordinary = over_tagged_links(asked, Random(seed)), over_ordinary_links(asked)
    assert [by_server(one) for one in tagged] == [by_server(one) for one in ordinary]


@settings(deadline=None, max_examples=100)
@given(ASKED, st.integers(0, 2**32))
def test_whatever_is_lost_each_action_has_one_response(asked: list[tuple[int, str, str]], seed: int) -> None:
    heard = b"".join(over_tagged_links(asked, Random(seed), losses=0.3))
    for number, (_, name, _) in enumerate(asked):
        if number % 3 and name not in {"IAXnetstats", "Rowed"}:
            found = re.findall(rb"Response: [^\r]*\r\nActionID: %d\r\n" % number, heard)
            assert len(found) == 1
        if number % 3 and name == "CoreShowChannels":
            ends = re.findall(rb"Complete\r\nActionID: %d\r\nEventList: (\w+)" % number, heard)
            assert len(ends) == (b"Response: Success" in found[0])


def test_all_kinds_of_answers_are_complete() -> None:
    asked = [(client, name, "Server: pbx1\r\n") for client in (0, 2) for name in ACTIONS]
    heard = over_ordinary_links(asked)
    assert over_tagged_links(asked, Random(1)) == heard
    for client in (0, 2):
        said = heard[client]
        assert said.count(b"Event: CoreShowChannel\r\n") == 11
        assert said.count(b"PeerEntry") == 3
        assert said.count(b"EventList: Cancelled") == 1, "a list without its last event"
        assert said.count(b"No answer from Asterisk") == 2, "of rows and of a response"
        assert said.count(b"Originate successfully queued") == 2
        for part in (
            b"Output: b: c",
            b"Event: FAXStats",
            b"Event: ListedComplete",
            b"IAX2/a 12 34",
            b"Event: Two",
            b"no event",
            b"Message: No\r",
        ):
            assert part in said


def test_several_clients_share_an_answer() -> None:
    asked = [(client, "CoreShowChannels", "") for client in (0, 1, 4, 5, 2, 3)] * 2
    heard = over_tagged_links(asked, Random(2))
    assert [said.count(b"ListItems: 11") for said in heard[:2]] == [2, 2]
    assert heard[2].count(b"Server: pbx2") == 22
