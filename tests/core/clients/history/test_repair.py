"""After the link was lost: clients that stayed are brought up to date, before anything else reaches them."""

import logging
import re
from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.clients.history.repair import READY_SECONDS
from amiproxy.core.clients.linkloss import CLOSED, REPAIRED, TOLD
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User, UserTable
from tests.support.core_doubles import Bench, ListTransport, event

CALL = privilege.CALL | privilege.ORIGINATE
BOARD = User("board", read=CALL, write=CALL | privilege.REPORTING, secret="plain:x", upstream_lost="repair")
TOLD_TOO = replace(BOARD, name="told", read=privilege.ALL)
SCOPED = replace(BOARD, name="scoped", rules=Rules(scope=Scope(channels=("PJSIP/1",))))
HANGUPS = replace(BOARD, name="hangups", filters=FilterSet((compile_legacy(b"Event: Hangup"),)))
OTHERS = replace(BOARD, name="others", read=privilege.REPORTING)
USERS = BOARD, TOLD_TOO, SCOPED, HANGUPS, OTHERS
END = b"Event: ProxySessionEnd\r\nReason: upstream lost\r\n\r\n"


def headers(channel: str, number: int, **more: str) -> dict[str, str]:
    """What events and lists say about the channel with this number."""
    state = {"ChannelState": "6", "ChannelStateDesc": "Up", "CallerIDNum": "", "Context": "lab"}
    return {
        "Channel": channel,
        **state,
        "Uniqueid": f"1.{number}",
        "Linkedid": f"1.{number}",
        **more,
    }


def begun(channel: str, number: int, **more: str) -> bytes:
    return event("Newchannel", **headers(channel, number, **more))


def listed(channel: str, number: int, bridge: str = "", **more: str) -> bytes:
    values = headers(channel, number, **more) | {"BridgeId": bridge}
    lines = ["Event: CoreShowChannel", *(f"{name}: {value}" for name, value in values.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def entered(channel: str, number: int, bridge: str, **more: str) -> bytes:
    return event("BridgeEnter", BridgeUniqueid=bridge, **headers(channel, number, **more))


def hung_up(channel: str, number: int) -> bytes:
    return event("Hangup", **headers(channel, number))


def make(*users: User, **limits: float) -> Bench:
    bench = Bench(*(users or USERS), limits=Limits(exempt=("192.0.2.0/24",), **limits))
    bench.link_up()
    return bench


def lose(bench: Bench) -> None:
    bench.server().link_down("gone")


def back(bench: Bench, *channels: bytes, live: tuple[bytes, ...] = ()) -> None:
    """The link comes up, these events come, and the lists show these channels."""
    bench.link_up(booted=False)
    bench.feed(*live)
    bench.server().serve()
    bench.answer_lists({"CoreShowChannels": channels})


def repairs(bench: Bench) -> dict[str, int]:
    """How many sessions were brought up to date or not, since the start."""
    counts = bench.hub.stats.history_of(bench.server().name).repairs
    return {outcome: number for outcome, number in counts.items() if number}


def told(transport: ListTransport) -> list[tuple[str, str, bool]]:
    """Name and Uniqueid of each event since the last call, and whether it is marked."""
    found = []
    for raw in transport.take().split(b"\r\n\r\n")[:-1]:
        text = raw.decode()
        name = re.match(r"Event: (\w+)", text)
        unique = re.search(r"\r\nUniqueid: (\S+)", text)
        mark = text.endswith("\r\nProxySynthetic: yes")
        found.append((name[1] if name else text, unique[1] if unique else "", mark))
    return found


def test_what_has_ended_meanwhile_is_ended_before_anything_else_is_sent() -> None:
    bench = make()
    _, transport = bench.login("board")
    bench.feed(begun("PJSIP/1-1", 1), begun("PJSIP/2-1", 2), entered("PJSIP/1-1", 1, "b"))
    transport.take()
    lose(bench)
    bench.clock.advance(60)
    assert not transport.take()
    bench.link_up(booted=False)
    bench.feed(begun("PJSIP/1-1", 9))
    bench.server().serve()
    assert not transport.take(), "it does not know yet that the channel of that name has ended"
    bench.answer_lists({"CoreShowChannels": [listed("PJSIP/1-1", 9)]})
    assert told(transport) == [
        ("Hangup", "1.2", True),
        ("BridgeLeave", "1.1", True),
        ("Hangup", "1.1", True),
        ("BridgeDestroy", "", True),
        ("Newchannel", "1.9", False),
    ]
    bench.feed(hung_up("PJSIP/1-1", 9))
    assert told(transport) == [("Hangup", "1.9", False)]
    assert bench.server().counts.lost_sessions[REPAIRED] == 1
    assert not transport.closed


def test_what_has_ended_after_the_link_was_back_is_ended_once() -> None:
    bench = make()
    _, transport = bench.login("board")
    bench.feed(begun("PJSIP/1-1", 1), begun("PJSIP/2-1", 2))
    transport.take()
    lose(bench)
    back(bench, listed("PJSIP/2-1", 2), live=(hung_up("PJSIP/1-1", 1),))
    assert told(transport) == [("Hangup", "1.1", False)]


def test_what_has_begun_or_changed_meanwhile_is_told_after_the_events_so_far() -> None:
    bench = make()
    _, transport = bench.login("board")
    bench.feed(
        begun("PJSIP/1-1", 1, ChannelStateDesc="Ring"),
        begun("PJSIP/2-1", 2),
        entered("PJSIP/2-1", 2, "old"),
        begun("PJSIP/3-1", 3),
    )
    transport.take()
    lose(bench)
    now = (
        listed("PJSIP/1-1", 1),
        listed("PJSIP/2-1", 2, "new"),
        listed("PJSIP/3-1", 3),
        listed("PJSIP/4-1", 4),
    )
    back(bench, *now, live=(event("Newstate", **headers("PJSIP/3-1", 3)),))
    assert told(transport) == [
        ("BridgeDestroy", "", True),
        ("Newstate", "1.3", False),
        ("Newchannel", "1.4", True),
        ("Newstate", "1.1", True),
        ("BridgeLeave", "1.2", True),
        ("Newstate", "1.2", True),
        ("BridgeEnter", "1.2", True),
    ]


def test_actions_wait_until_the_client_is_up_to_date() -> None:
    bench = make()
    session, transport = bench.login("board")
    bench.feed(begun("PJSIP/1-1", 1))
    transport.take()
    lose(bench)
    bench.link_up(booted=False)
    session.receive(b"Action: CoreStatus\r\nActionID: 1\r\n\r\n")
    assert b"Response: Error\r\nActionID: 1\r\n" in transport.take(), "as without repair"
    bench.server().serve()
    session.receive(b"Action: Ping\r\nActionID: 2\r\n\r\nAction: CoreStatus\r\nActionID: 3\r\n\r\n")
    assert b"ActionID: 2\r\nPing: Pong\r\n" in transport.take(), "the proxy answers it"
    (asked,) = bench.answer_lists()
    assert told(transport) == [("Hangup", "1.1", True)]
    assert asked.get(b"action") == b"CoreStatus"
    bench.answer(asked, b"CoreCurrentCalls: 0\r\n")
    assert b"Response: Success\r\nActionID: 3\r\n" in transport.take()


def test_an_action_that_has_waited_is_still_subject_to_the_rate() -> None:
    bench = Bench(BOARD, limits=Limits(action_rate=1.0, action_burst=2))
    bench.link_up()
    session, transport = bench.login("board")
    lose(bench)
    bench.link_up(booted=False)
    bench.server().serve()
    session.receive(b"Action: Ping\r\n\r\n" * 2 + b"Action: CoreStatus\r\nActionID: 3\r\n\r\n")
    assert transport.take().count(b"Ping: Pong\r\n") == 2
    assert bench.answer_lists() == []
    bench.clock.advance(2)
    (asked,) = [one for one in bench.upstream.take() if one.get(b"action") != b"Ping"]
    bench.answer(asked, b"CoreCurrentCalls: 0\r\n")
    assert b"Response: Success\r\nActionID: 3\r\n" in transport.take()


def test_a_session_that_ends_with_an_action_waiting_answers_it() -> None:
    bench = make()
    session, transport = bench.login("board")
    lose(bench)
    bench.link_up(booted=False)
    bench.server().serve()
    session.receive(b"Action: CoreStatus\r\nActionID: 3\r\n\r\n")
    session.dismiss("kicked")
    assert b"Response: Error\r\nActionID: 3\r\nMessage: Session closed: kicked\r\n" in transport.take()
    assert not bench.answer_lists()
    assert transport.closed == "close"


def test_a_waitevent_ends_with_what_the_client_is_told() -> None:
    bench = make()
    session, transport = bench.login("board")
    bench.feed(begun("PJSIP/1-1", 1))
    transport.take()
    session.receive(b"Action: WaitEvent\r\n\r\n")
    lose(bench)
    bench.link_up(booted=False)
    bench.feed(begun("PJSIP/2-1", 2))
    bench.server().serve()
    assert not transport.take()
    bench.answer_lists()
    bench.clock.advance(1)
    names = [name for name, _, _ in told(transport)]
    assert names[1:4] == ["Hangup", "Newchannel", "WaitEventComplete"]


def test_a_waitevent_goes_on_if_the_client_is_told_nothing() -> None:
    bench = make()
    session, transport = bench.login("board")
    session.receive(b"Action: WaitEvent\r\n\r\n")
    transport.take()
    lose(bench)
    back(bench)
    bench.clock.advance(1)
    assert transport.take() == b""
    bench.feed(begun("PJSIP/1-1", 1))
    bench.clock.advance(1)
    assert [name for name, _, _ in told(transport)][1:] == ["Newchannel", "WaitEventComplete"]


@pytest.mark.parametrize(
    ("name", "ends"),
    [("board", ["1.1", "1.2", "1.3"]), ("scoped", ["1.1", "1.2"]), ("hangups", ["1.1", "1.2", "1.3"])],
)
def test_only_what_the_client_may_see_is_told(name: str, ends: list[str]) -> None:
    bench = make()
    _, transport = bench.login(name)
    bench.feed(
        begun("PJSIP/1-1", 1),
        begun("PJSIP/trunk-1", 2, Linkedid="1.1"),
        begun("PJSIP/3-1", 3),
        entered("PJSIP/3-1", 3, "b"),
    )
    transport.take()
    lose(bench)
    back(bench)
    found = told(transport)
    assert sorted(unique for kind, unique, _ in found if kind == "Hangup") == ends
    assert all(mark for _, _, mark in found)
    assert ("BridgeLeave" in {kind for kind, _, _ in found}) is (name == "board")


def test_classes_that_a_client_does_not_read_hide_what_has_ended() -> None:
    bench = make()
    _, transport = bench.login("others")
    bench.feed(begun("PJSIP/1-1", 1))
    lose(bench)
    back(bench)
    assert not transport.take()
    assert not transport.closed


def test_a_client_that_can_be_told_of_the_loss_is_told() -> None:
    bench = make()
    _, transport = bench.login("told")
    bench.feed(begun("PJSIP/1-1", 1))
    transport.take()
    lose(bench)
    back(bench)
    assert [name for name, _, _ in told(transport)] == ["ProxyUpstream", "ProxyUpstream"]
    assert bench.server().counts.lost_sessions[TOLD] == 1


def closes(bench: Bench, transport: ListTransport) -> bool:
    bench.clock.advance(2.0)
    return transport.closed == "close" and transport.take().endswith(END)


def test_a_session_is_closed_if_the_state_was_not_known_when_the_link_was_lost() -> None:
    bench = Bench(*USERS, limits=Limits(exempt=("192.0.2.0/24",)))
    bench.link_up(booted=False)
    bench.server().serve()
    _, transport = bench.login("board")
    lose(bench)
    assert closes(bench, transport)
    assert bench.server().counts.lost_sessions[CLOSED] == 1


def test_a_session_is_closed_if_the_link_was_lost_before_asterisk_had_booted_again() -> None:
    bench = make()
    lose(bench)
    bench.link_up(booted=False)
    _, transport = bench.login("board")
    bench.feed(begun("PJSIP/1-1", 1))
    lose(bench)
    assert closes(bench, transport)


def test_a_session_is_closed_if_the_state_is_not_known_in_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="amiproxy")
    bench = make()
    _, transport = bench.login("board")
    lose(bench)
    bench.link_up(booted=False)
    bench.server().serve()
    bench.clock.advance(READY_SECONDS - 1)
    assert not transport.closed
    bench.clock.advance(1.5)
    assert closes(bench, transport)
    (fields,) = [r.fields for r in caplog.records if r.getMessage() == "sessions-not-repaired"]
    assert fields == {"server": None, "sessions": 1, "seconds": READY_SECONDS}
    assert bench.hub.stats.closes == {"upstream lost": 1}
    assert repairs(bench) == {"given up": 1}


def test_a_fault_closes_the_sessions_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make()
    _, transport = bench.login("board")
    lose(bench)
    monkeypatch.setattr(
        "amiproxy.core.clients.history.repair.corrections", lambda losses: losses[len(losses)]
    )
    back(bench)
    assert closes(bench, transport)
    assert bench.hub.stats.faults == 1
    assert repairs(bench) == {"given up": 1}


def test_a_second_loss_closes_only_sessions_that_have_missed_events_since() -> None:
    bench = make()
    (_, missed), (_, waits) = bench.login("board"), bench.login("hangups")
    bench.feed(begun("PJSIP/1-1", 1))
    lose(bench)
    bench.link_up(booted=False)
    bench.feed(begun("PJSIP/2-1", 2))
    lose(bench)
    assert closes(bench, missed)
    back(bench)
    assert told(waits) == [("Hangup", "1.1", True)]
    assert not waits.closed
    assert repairs(bench) == {"given up": 1, "repaired": 1}


def test_a_session_that_is_bound_to_another_server_meanwhile_is_closed() -> None:
    bench = make()
    session, transport = bench.login("board")
    lose(bench)
    bench.link_up(booted=False)
    bench.server().serve()
    session.bound = None
    session.route.bound = None
    bench.answer_lists()
    assert closes(bench, transport)


def test_sessions_are_closed_if_a_reload_ends_the_state_meanwhile() -> None:
    bench = make(BOARD)
    _, transport = bench.login("board")
    lose(bench)
    bench.hub.adopt(UserTable([replace(BOARD, upstream_lost="auto")]))
    bench.link_up()
    assert closes(bench, transport)


def test_sessions_are_closed_if_a_reload_ends_the_state_before_asterisk_has_booted() -> None:
    bench = make(BOARD)
    _, transport = bench.login("board")
    lose(bench)
    bench.link_up(booted=False)
    bench.hub.adopt(UserTable([replace(BOARD, upstream_lost="auto")]))
    bench.server().serve()
    assert closes(bench, transport)


def test_a_new_state_does_not_know_what_was_there_before() -> None:
    bench = make(BOARD)
    _, transport = bench.login("board")
    lose(bench)
    bench.hub.adopt(UserTable([replace(BOARD, upstream_lost="auto")]))
    bench.hub.adopt(UserTable([BOARD]))
    bench.link_up()
    assert closes(bench, transport)


def test_a_session_that_is_about_to_be_closed_is_not_brought_up_to_date_after_another_loss() -> None:
    bench = make(BOARD)
    _, transport = bench.login("board")
    lose(bench)
    bench.link_up(booted=False)
    bench.feed(begun("PJSIP/1-1", 1))
    bench.hub.adopt(UserTable([replace(BOARD, upstream_lost="auto")]))
    bench.hub.adopt(UserTable([BOARD]))
    bench.server().serve()
    bench.answer_lists({"CoreShowChannels": [listed("PJSIP/1-1", 1)]})
    lose(bench)
    lost = bench.server().counts.lost_sessions
    assert (lost[REPAIRED], lost[CLOSED]) == (1, 1)
    back(bench)
    assert transport.take() == b"", "it would be told the end of a channel that it does not know"
    assert closes(bench, transport)


def test_a_client_that_has_lost_events_already_is_closed() -> None:
    slow = replace(BOARD, slow_consumer="drop_events")
    bench = make(slow, outbox_soft=1024, outbox_hard=1 << 20)
    _, transport = bench.login("board")
    transport.room = 0
    for number in range(40):
        bench.feed(begun("PJSIP/1-1", number))
        bench.clock.advance(0.1)
    lose(bench)
    bench.clock.advance(2)
    assert bench.server().counts.lost_sessions[CLOSED] == 1


def test_a_client_that_was_catching_up_is_closed() -> None:
    bench = make(replace(BOARD, history=True))
    session, transport = bench.login("board")
    session.receive(b"Action: Events\r\nEventMask: on\r\nProxySequence: on\r\n\r\n")
    transport.take()
    bench.feed(begun("PJSIP/1-1", 1))
    token = re.search(rb"ProxySequence: (\S+)", transport.take())
    assert token is not None
    session, transport = bench.login("board")
    session.receive(b"Action: Events\r\nEventMask: off\r\n\r\n")
    bench.feed(begun("PJSIP/2-1", 2))
    transport.room = 0
    session.receive(b"Action: ProxyResume\r\nFrom: " + token[1] + b"\r\n\r\n")
    assert session.cursor is not None
    lose(bench)
    lost = bench.server().counts.lost_sessions
    assert (lost[CLOSED], lost[REPAIRED]) == (1, 1), "the other one had been sent everything"


def test_a_client_for_which_too_much_is_kept_back_is_a_slow_consumer() -> None:
    bench = make(BOARD, outbox_soft=1024, outbox_hard=4096)
    _, transport = bench.login("board")
    lose(bench)
    bench.link_up(booted=False)
    for number in range(40):
        bench.feed(begun("PJSIP/1-1", number))
        bench.clock.advance(0.1)
    assert transport.closed
    assert bench.hub.limit_state.backlog.size == 0


def test_many_sessions_are_brought_up_to_date_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="amiproxy")
    bench = make(BOARD, sessions_per_user=500)
    transports = [bench.login("board")[1] for _ in range(100)]
    bench.feed(begun("PJSIP/1-1", 1))
    for transport in transports:
        transport.take()
    lose(bench)
    gone = bench.hub.sessions[0]
    gone.receive(b"Action: Logoff\r\n\r\n")
    back(bench)
    bench.clock.advance(0.1)
    assert [told(t) for t in transports if not t.closed] == [[("Hangup", "1.1", True)]] * 99
    (fields,) = [r.fields for r in caplog.records if r.getMessage() == "sessions-repaired"]
    assert fields == {"server": None, "sessions": 99, "ended": 1, "others": 0}
    assert repairs(bench) == {"repaired": 99}
    lose(bench)
    back(bench)
    assert not [t for t in transports[1:] if t.take()], "nothing has ended since"


def test_a_session_that_ends_while_others_are_served_is_left_out() -> None:
    bench = make(BOARD, sessions_per_user=500)
    clients = [bench.login("board") for _ in range(100)]
    bench.feed(begun("PJSIP/1-1", 1))
    for _, transport in clients:
        transport.take()
    lose(bench)
    back(bench)
    later = [client for client in clients if not client[1].sent]
    assert 0 < len(later) < 100
    session, gone = later[0]
    session.close("kicked", abort=True)
    bench.clock.advance(0.1)
    assert gone.take() == b""
    assert [told(t) for _, t in clients if t is not gone] == [[("Hangup", "1.1", True)]] * 99
    assert bench.hub.stats.faults == 0


def test_nothing_of_the_past_is_kept_if_no_session_waits() -> None:
    bench = make()
    bench.feed(begun("PJSIP/1-1", 1))
    lose(bench)
    state = bench.server().state
    assert state is not None
    assert not state.losses()
    _, transport = bench.login("board")
    back(bench)
    assert not transport.take()
