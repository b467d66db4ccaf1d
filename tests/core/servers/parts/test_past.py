"""Positions of a server whose events are numbered where they come from."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.model.limits import HistoryBounds
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, event
from tests.support.tagged import tag_up

SCOPED = User(
    "scoped",
    read=privilege.ALL,
    write=privilege.ALL,
    secret="plain:x",
    history=True,
    rules=Rules(scope=Scope(channels=("PJSIP/1",))),
)
CALL = "Action: Originate\r\nChannel: PJSIP/1\r\nApplication: Wait\r\nTimeout: 5000\r\n\r\n"


def bench_at(position: tuple[int, int] | None, *users: User) -> Bench:
    bench = Bench(*users)
    bench.server().keep(HistoryBounds(), present=False)
    tag_up(bench, position=position)
    return bench


def place(bench: Bench) -> tuple[int, int]:
    journal = bench.server().journal
    assert journal is not None
    return journal.epoch, journal.last


def test_each_message_has_the_next_number_whatever_becomes_of_it() -> None:
    boss = User("boss", write=privilege.ALL, secret="plain:x")
    bench = bench_at((77, 1000), boss)
    server = bench.server()
    assert place(bench) == (77, 1000)
    bench.feed(event("Newstate"), event("Newstate"))
    assert place(bench) == (77, 1002)
    session, _ = bench.login("boss")
    upstream = tag_up(bench, position=(77, 1002))
    session.receive(CALL.encode())
    (sent,) = upstream.take_sent()
    decides = b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: %b\r\nResponse: Success\r\n\r\n"
    for raw in (
        decides % sent.relay_id,
        b"Event: Odd\r\nNo: privilege\r\n\r\n",
        b"Event: Repaired\r\nPrivilege: call,all\r\nActionID: 5\r\n\r\n",
        b"Response: Success\r\nActionID: 1\r\n\r\n",
        b"no event\r\n\r\n",
    ):
        before = place(bench)[1]
        bench.feed(raw)
        assert place(bench) == (77, before + 1)
    assert server.counts.strays == 2
    assert server.journal is not None
    entries = server.journal.after(77, 1002)
    assert entries is not None
    assert (entries.first, entries.raws) == (1005, [b"Event: Repaired\r\nPrivilege: call,all\r\n\r\n"])


def test_an_epoch_of_its_own_begins_when_events_were_missed() -> None:
    bench = bench_at((77, 1000))
    bench.server().missed()
    assert place(bench)[0] != 77
    bench.server().link_down("test")
    tag_up(bench, position=(78, 5))
    assert place(bench) == (78, 5)
    bench.server().oversized(b"Event: Large\r\n")
    assert place(bench)[0] != 78


def test_without_a_position_or_a_past_nothing_is_numbered() -> None:
    bench = bench_at(None)
    assert place(bench)[1] == 0
    server = bench.server()
    server.keep(None, present=False)
    server.link_down("test")
    tag_up(bench, position=(77, 1000))
    bench.feed(b"no event\r\n\r\n")
    server.reach(1005)
    assert server.journal is None


def test_a_server_may_be_told_how_far_its_events_have_come() -> None:
    bench = bench_at((77, 1000), SCOPED)
    server = bench.server()
    tracker = server.tracker
    assert isinstance(tracker, CallTracker)
    server.reach(1010)
    server.reach(1005)
    assert (place(bench), tracker.number) == ((77, 1010), 10)


@pytest.mark.parametrize("holes", [0, 1, 5])
def test_a_client_with_a_scope_resumes_across_holes(holes: int) -> None:
    def leg(name: str, device: str) -> bytes:
        return event(name, Channel=f"{device}-1", Uniqueid="1", Linkedid="1")

    bench = bench_at((77, 1000), SCOPED)
    server = bench.server()
    journal = server.journal
    assert journal is not None
    token = journal.token(1000)
    early, own = leg("Newchannel", "PJSIP/trunk"), leg("Newexten", "PJSIP/trunk")
    bench.feed(early)
    for _ in range(holes):
        server.skip()
    bench.feed(own)
    session, got = bench.connect()
    session.receive(b"Action: Login\r\nUsername: scoped\r\nSecret: x\r\nEvents: off\r\n\r\n")
    session.receive(b"Action: ProxyResume\r\nFrom: %b\r\n\r\n" % token)
    bench.clock.advance(1.0)
    for _ in range(holes):
        server.skip()
    got.take()
    found = event("Newchannel", Channel="PJSIP/1-1", Uniqueid="2", Linkedid="1")
    bench.feed(found)
    assert got.take() == early + own + found
