"""After the link is lost: which sessions stay because they were informed, which are closed, and when."""

import logging
import re

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.clients.linkloss import CLOSED, KEPT, NO_EVENTS, REPAIRED, TOLD, outcome
from amiproxy.core.model.limits import Limits, UpstreamLost
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, ListTransport, event

CALL = privilege.CALL | privilege.ORIGINATE
SYSTEM = User("system", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
CALLS = User("calls", read=CALL, write=CALL, secret="plain:x")
BLIND = User("blind", write=CALL, secret="plain:x")
STAYS = User("stays", read=CALL, secret="plain:x", upstream_lost="stay")
GOES = User("goes", read=privilege.ALL, secret="plain:x", upstream_lost="close")
AUTO = User("auto", read=CALL, secret="plain:x", upstream_lost="auto")
DEAF = User(
    "deaf",
    read=privilege.ALL,
    secret="plain:x",
    filters=FilterSet((compile_legacy(b"!Event: ProxyUpstream"),)),
)
SCOPED = User("scoped", read=privilege.ALL, secret="plain:x", rules=Rules(scope=Scope(channels=("PJSIP/1",))))
USERS = SYSTEM, CALLS, BLIND, STAYS, GOES, AUTO, DEAF, SCOPED
END = b"Event: ProxySessionEnd\r\nReason: upstream lost\r\n\r\n"


def make(*users: User, **limits: float) -> Bench:
    bench = Bench(*(users or USERS), limits=Limits(exempt=("192.0.2.0/24",), **limits))
    bench.link_up()
    return bench


def lose(bench: Bench, seconds: float = 2.0) -> None:
    bench.hub.servers.first.link_down("gone")
    bench.clock.advance(seconds)


@pytest.mark.parametrize(("choice", "expected"), [("repair", REPAIRED), ("auto", CLOSED), ("stay", KEPT)])
def test_what_could_be_repaired_is_repaired_only_by_choice(choice: UpstreamLost, expected: str) -> None:
    assert outcome(choice, wants_events=True, told=False, repairable=True) == expected


@pytest.mark.parametrize(
    ("choice", "wants_events", "told", "expected"),
    [
        ("auto", True, True, TOLD),
        ("auto", True, False, CLOSED),
        ("auto", False, False, NO_EVENTS),
        ("stay", True, True, TOLD),
        ("stay", True, False, KEPT),
        ("stay", False, False, KEPT),
        ("close", True, True, CLOSED),
        ("close", True, False, CLOSED),
        ("close", False, False, CLOSED),
        ("repair", True, True, TOLD),
        ("repair", True, False, CLOSED),
        ("repair", False, False, NO_EVENTS),
    ],
)
def test_outcome_depends_on_the_choice_the_events_and_the_notice(
    choice: UpstreamLost, wants_events: bool, told: bool, expected: str
) -> None:
    assert outcome(choice, wants_events=wants_events, told=told) == expected


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("system", True),
        ("calls", False),
        ("blind", True),
        ("stays", True),
        ("goes", False),
        ("auto", False),
        ("deaf", False),
        ("scoped", False),
    ],
)
def test_sessions_that_can_be_informed_stay_and_the_others_are_closed(name: str, stays: bool) -> None:
    bench = make()
    session, transport = bench.login(name)
    lose(bench)
    told = transport.take()
    assert (not transport.closed) is stays
    if stays:
        assert (b"Event: ProxyUpstream\r\n" in told) is (name == "system")
    else:
        assert transport.closed == "close"
        assert told.endswith(END)
        assert bench.hub.stats.closes == {"upstream lost": 1}
    assert session not in bench.hub.closing or not stays


@pytest.mark.parametrize(
    ("choice", "stay"),
    [
        ("close", ["stays"]),
        ("stay", ["system", "calls", "blind", "stays", "deaf", "scoped"]),
        ("auto", ["system", "blind", "stays"]),
    ],
)
def test_the_operators_choice_applies_to_users_without_one(choice: UpstreamLost, stay: list[str]) -> None:
    bench = make()
    bench.hub.link_loss.by_default = choice
    sessions = {user.name: bench.login(user.name)[1] for user in USERS}
    lose(bench)
    assert [name for name, transport in sessions.items() if not transport.closed] == stay


@pytest.mark.parametrize(("mask", "stays"), [("system", True), ("call", False), ("off", True)])
def test_a_session_whose_event_mask_excludes_the_notice_is_closed(mask: str, stays: bool) -> None:
    bench = make()
    session, transport = bench.login("system")
    session.receive(f"Action: Events\r\nEventMask: {mask}\r\n\r\n".encode())
    lose(bench)
    assert (not transport.closed) is stays


def test_a_session_whose_own_filter_excludes_the_notice_is_closed() -> None:
    bench = make()
    session, transport = bench.login("system")
    session.receive(b"Action: Filter\r\nOperation: Add\r\nFilter: Event: Newchannel\r\n\r\n")
    assert b"Response: Success" in transport.take()
    lose(bench)
    assert transport.closed


def test_unauthenticated_clients_and_later_logins_stay() -> None:
    bench = make()
    stranger, greeted = bench.connect()
    bench.hub.servers.first.link_down("gone")
    _, late = bench.login("calls")
    bench.clock.advance(2.0)
    assert not greeted.closed
    stranger.receive(b"Action: Login\r\nUsername: calls\r\nSecret: x\r\n\r\n")
    bench.link_up()
    bench.clock.advance(2.0)
    assert not late.closed
    assert not greeted.closed
    assert bench.hub.stats.closes == {}


def test_a_synchronous_originate_is_answered_before_the_session_ends() -> None:
    bench = make()
    session, transport = bench.login("calls")
    session.receive(
        b"Action: Originate\r\nActionID: 7\r\nChannel: Local/1@lab\r\n"
        b"Context: lab\r\nExten: 1\r\nPriority: 1\r\n\r\n"
    )
    bench.upstream.take()
    bench.feed(event("Newchannel"))
    lose(bench)
    assert transport.take() == (
        b"Response: Error\r\nActionID: 7\r\nMessage: Originate failed\r\n\r\n" + event("Newchannel") + END
    )
    assert transport.closed == "close"


def test_an_action_sent_after_the_link_is_back_is_answered_before_the_session_ends() -> None:
    bench = make()
    session, transport = bench.login("calls")
    bench.hub.servers.first.link_down("gone")
    bench.link_up()
    session.receive(b"Action: Park\r\nActionID: 1\r\n\r\n")
    bench.clock.advance(2.0)
    refused = b"Response: Error\r\nActionID: 1\r\nMessage: Session closed: upstream lost\r\n\r\n"
    assert refused in transport.take()
    assert transport.closed


def ends(bench: Bench, transports: list[ListTransport], until: float) -> list[int]:
    """The number of sessions still open after each tenth of a second."""
    left = []
    for _ in range(round(until * 10)):
        bench.clock.advance(0.1)
        left.append(sum(not transport.closed for transport in transports))
    return left


def test_upstream_lost_spread_closes_sessions_evenly_over_its_time() -> None:
    bench = make(CALLS, upstream_lost_spread=1.0, sessions_per_user=500)
    transports = []
    for _ in range(100):
        transports.append(bench.login("calls")[1])
        bench.clock.advance(0.001)
    bench.hub.servers.first.link_down("gone")
    left = ends(bench, transports, 1.0)
    assert all(abs(count - (90 - 10 * number)) <= 10 for number, count in enumerate(left)), left
    assert left[-1] == 0
    reset = make(CALLS, upstream_lost_spread=0.01, sessions_per_user=500)
    transports = [reset.login("calls")[1] for _ in range(100)]
    reset.hub.servers.first.link_down("gone")
    assert ends(reset, transports, 0.1) == [0]


def test_the_oldest_session_goes_first_and_another_loss_changes_nothing() -> None:
    bench = make(upstream_lost_spread=1.0)
    transports = []
    for _ in range(4):
        transports.append(bench.login("calls")[1])
        bench.clock.advance(0.001)
    bench.hub.servers.first.link_down("gone")
    bench.clock.advance(0.5)
    closed = [bool(transport.closed) for transport in transports]
    assert closed == sorted(closed, reverse=True)
    assert 0 < sum(closed) < 4
    bench.link_up()
    bench.hub.servers.first.link_down("gone")
    bench.clock.advance(1.1)
    assert all(transport.closed == "close" for transport in transports)
    assert bench.hub.stats.closes == {"upstream lost": 4}


def test_a_session_that_leaves_before_its_turn_is_not_closed_again() -> None:
    bench = make()
    (one, left), (_, other) = bench.login("calls"), bench.login("calls")
    bench.hub.servers.first.link_down("gone")
    one.receive(b"Action: Logoff\r\n\r\n")
    bench.clock.advance(2.0)
    assert END not in left.take()
    assert other.closed
    assert bench.hub.stats.closes == {"logoff": 1, "upstream lost": 1}


def test_no_session_is_closed_for_it_while_the_service_stops() -> None:
    bench = make()
    _, transport = bench.login("calls")
    bench.hub.servers.first.exchange.draining = True
    lose(bench)
    assert not transport.closed


def test_sessions_closed_for_it_are_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="amiproxy")
    bench = make()
    lose(bench)
    assert "sessions-lost-upstream" not in caplog.messages, "there were none"
    bench.link_up()
    for user in USERS:
        bench.login(user.name)
    lose(bench)
    (fields,) = [r.fields for r in caplog.records if r.getMessage() == "sessions-lost-upstream"]  # type: ignore[attr-defined]
    assert fields == {
        "server": None,
        "reason": "gone",
        "closed": 5,
        "told": 1,
        "kept": 1,
        "no_events": 1,
        "repaired": 0,
    }
    assert bench.hub.servers.first.counts.lost_sessions == {
        CLOSED: 5,
        TOLD: 1,
        KEPT: 1,
        NO_EVENTS: 1,
        REPAIRED: 0,
    }
    last = bench.hub.link_loss.last.get("asterisk")
    assert last is not None
    assert last[1:] == ("gone", {CLOSED: 5, TOLD: 1, KEPT: 1, NO_EVENTS: 1, REPAIRED: 0})


def test_a_waitevent_ends_with_the_session() -> None:
    bench = make()
    session, transport = bench.login("calls")
    session.receive(b"Action: WaitEvent\r\nActionID: 3\r\n\r\n")
    lose(bench)
    assert re.findall(rb"Event: \w+", transport.take()) == [
        b"Event: WaitEventComplete",
        b"Event: ProxySessionEnd",
    ]
    assert transport.closed


def test_a_session_that_reads_too_slowly_to_be_informed_is_closed() -> None:
    slow = User("slow", read=privilege.ALL, secret="plain:x", slow_consumer="drop_events")
    bench = make(slow, outbox_soft=1024, outbox_hard=1 << 20)
    _, transport = bench.login("slow")
    transport.room = 0
    for _ in range(40):
        bench.feed(event("Hold", Pad="x" * 100))
        bench.clock.advance(0.1)
    lose(bench)
    assert bench.hub.servers.first.counts.lost_sessions[CLOSED] == 1
