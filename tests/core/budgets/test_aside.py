"""An action that waits for the rate of its kind lets its session's others pass unless the order matters."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.message import parse_action
from amiproxy.core.budgets.aside import holds
from amiproxy.core.model.limits import Limits, UserLimits
from amiproxy.core.model.users import User, UserTable
from tests.support.core_doubles import Bench


def boss(**limits: float) -> User:
    return User(
        "boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x", limits=UserLimits(**limits)
    )


def make(**limits) -> Bench:
    bench = Bench(boss(), limits=Limits(**{"originate_rate": 1.0, "originate_burst": 1, **limits}))
    bench.link_up()
    return bench


def action(name: str, number: int | str = 1, **headers: str) -> bytes:
    lines = [f"Action: {name}", f"ActionID: {number}", *(f"{key}: {value}" for key, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def originate(number: int | str, **headers: str) -> bytes:
    return action("Originate", number, Channel=f"Local/{number}@x", Async="true", **headers)


def serve(bench: Bench) -> list[str]:
    """Answer all actions that were sent; the name of each, or the channel of an Originate."""
    found = []
    while sent := bench.upstream.take():
        for raw in sent:
            found.append((raw.get(b"channel") or raw.get(b"action")).decode())
            bench.answer(raw, b"")
    return found


def ids(transport) -> list[str]:
    return [line[10:].decode() for line in transport.take().split(b"\r\n") if line.startswith(b"ActionID: ")]


def test_a_dialers_forty_originates_delay_neither_ping_nor_hangup():
    bench = make(originate_rate=2.0, originate_burst=10)
    session, transport = bench.login("boss")
    session.receive(b"".join(originate(n) for n in range(40)))
    session.receive(action("Ping", "p") + action("Hangup", "h", Channel="PJSIP/1-1"))
    sent = serve(bench)
    assert sent == [*(f"Local/{n}@x" for n in range(10)), "PJSIP/1-1"]
    assert {"p", "h"} < set(ids(transport))
    assert not transport.paused
    bench.clock.advance(15.0)
    assert serve(bench) == [f"Local/{n}@x" for n in range(10, 40)], "in their order"
    assert bench.hub.stats.limits == {"originate_rate": 1}


def test_waiting_actions_count_towards_in_flight_per_session_and_delay_no_others():
    bench = make(in_flight_per_session=3)
    session, transport = bench.login("boss")
    session.receive(b"".join(originate(n) for n in range(4)))
    serve(bench)
    assert (transport.paused, session.full, bench.hub.queued) == (
        True,
        "in_flight_per_session",
        0,
    )
    bench.clock.advance(1.0)
    serve(bench)
    assert not transport.paused


def test_beyond_rate_wait_only_the_originates_are_refused():
    bench = make(rate_wait=1.5)
    session, transport = bench.login("boss")
    session.receive(b"".join(originate(n) for n in range(4)) + action("Ping", "p"))
    serve(bench)
    said = transport.take()
    assert said.count(b"Rate limit") == 2
    assert b"ActionID: p\r\n" in said


class TestOrder:
    @pytest.mark.parametrize("header", ["ChannelId", "OtherChannelId"])
    def test_an_action_that_names_an_originates_channel_follows_it(self, header):
        bench = make()
        session, _ = bench.login("boss")
        session.receive(originate(1) + originate(2, **{header: "call-2"}) + originate(3))
        session.receive(action("Setvar", Channel="call-2", Variable="A", Value="b"))
        session.receive(action("Hangup", Channel="call-2") + action("Hangup", Channel="other"))
        assert serve(bench) == ["Local/1@x", "other"]
        bench.clock.advance(1.0)
        assert serve(bench) == ["Local/2@x"]
        bench.clock.advance(1.0)
        # Once more by the proxy itself, which asks for the name of the channel that has a variable now.
        assert serve(bench) == ["Local/3@x", "call-2", "call-2", "call-2"]
        session.receive(action("Hangup", Channel="call-2"))
        assert serve(bench) == ["call-2"]

    def test_two_waiting_originates_may_share_a_channel_id(self):
        bench = make()
        session, _ = bench.login("boss")
        session.receive(originate(1) + originate(2, ChannelId="c") + originate(3, ChannelId="c"))
        serve(bench)
        bench.clock.advance(1.0)
        assert serve(bench) == ["Local/2@x"]
        session.receive(action("Hangup", Channel="c"))
        assert serve(bench) == []
        bench.clock.advance(1.0)
        assert serve(bench) == ["Local/3@x", "c"]

    def test_a_synchronous_originate_delays_the_actions_behind_it(self):
        bench = make()
        session, transport = bench.login("boss")
        session.receive(originate(1) + originate(2) + action("Originate", 3, Channel="Local/3@x"))
        session.receive(action("Ping", "p"))
        serve(bench)
        assert "p" not in ids(transport)
        assert transport.paused
        bench.clock.advance(2.0)
        assert serve(bench) == ["Local/2@x", "Local/3@x"]

    def test_a_command_that_may_change_something_delays_the_actions_behind_it(self):
        bench = make(command_rate=1.0, command_burst=1)
        session, _ = bench.login("boss")
        session.receive(
            action("Command", 1, Command="core show uptime")
            + action("Command", 2, Command="core show uptime")
            + action("CoreStatus", 3)
            + action("Command", 4, Command="dialplan reload")
            + action("CoreSettings", 5)
        )
        assert serve(bench) == ["Command", "CoreStatus"]
        bench.clock.advance(1.0)
        assert serve(bench) == ["Command"]
        bench.clock.advance(1.0)
        assert serve(bench) == ["Command", "CoreSettings"]

    def test_one_action_may_wait_for_both_rates(self):
        bench = make(action_rate=1.0, action_burst=1, originate_rate=0.5)
        session, _ = bench.login("boss")
        session.receive(originate(1) + originate(2) + originate(3))
        serve(bench)
        bench.clock.advance(1.0)
        assert serve(bench) == []
        assert session.queue.aside.size == 1
        bench.clock.advance(9.0)
        assert serve(bench) == ["Local/2@x", "Local/3@x"]

    def test_an_originate_that_its_sessions_rate_delayed_passes_no_earlier_one(self):
        bench = make(action_rate=1.0, action_burst=2, originate_rate=0.8, originate_burst=1)
        session, _ = bench.login("boss")
        session.receive(originate(1) + originate(2) + action("Hangup", Channel="a") + originate(3))
        serve(bench)
        bench.clock.advance(1.0)
        assert serve(bench) == ["a"]
        bench.hub.adopt_limits(Limits(action_rate=1.0, action_burst=2, originate_burst=9))
        bench.hub.adopt(UserTable([boss()]))
        bench.clock.advance(1.0)
        assert serve(bench) == ["Local/2@x", "Local/3@x"]

    @pytest.mark.parametrize("name", ["Logoff", "WaitEvent"])
    def test_logoff_and_waitevent_come_last(self, name):
        bench = make()
        session, transport = bench.login("boss")
        session.receive(originate(1) + originate(2) + action(name, "last", Timeout="1"))
        serve(bench)
        bench.clock.advance(0.9)
        assert "last" not in ids(transport)
        bench.clock.advance(0.1)
        assert serve(bench) == ["Local/2@x"]
        bench.clock.advance(1.0)
        assert ids(transport)[-1] == "last"

    @pytest.mark.parametrize(
        ("raw", "held"),
        [
            (action("Originate", Async="true"), False),
            (action("Originate"), True),
            (action("Command", Command="sip show peers"), False),
            (action("Command", Command="show uptime"), False),
            (action("Command", Command="database put show x y"), True),
            (action("Hangup"), False),
        ],
    )
    def test_which_actions_delay_a_session(self, raw, held):
        assert holds(parse_action(raw)) is held

    @given(st.lists(st.sampled_from(["O", "S", "H", "P", "C"]), max_size=25), st.integers(1, 3))
    def test_any_mixture_of_actions_runs_once_each_and_each_kind_in_order(self, kinds, burst):
        bench = make(originate_burst=burst, command_rate=1.0, command_burst=1, rate_wait=1000.0)
        session, _ = bench.login("boss")
        for number, kind in enumerate(kinds):
            session.receive(
                {
                    "O": originate(number, ChannelId=f"c{number}"),
                    "S": action("Originate", number, Channel=f"Local/{number}@x"),
                    "H": action("Hangup", number, Channel=f"c{number - 1}"),
                    "P": action("Ping", number),
                    "C": action("Command", number, Command="core show uptime"),
                }[kind]
            )
        calls = []
        for _ in range(len(kinds) + 2):
            calls += serve(bench)
            bench.clock.advance(1.0)
        made = [int(place[6:-2]) for place in calls if place.startswith("Local/")]
        assert all(a < b for a, b in pairwise(made))
        assert len(made) == sum(kind in "OS" for kind in kinds)
        for number, kind in enumerate(kinds):
            if kind == "H" and number and kinds[number - 1] == "O":
                assert calls.index(f"Local/{number - 1}@x") < calls.index(f"c{number - 1}")
        assert session.queue.aside.size == 0


class TestEnds:
    def test_a_closed_session_gets_answers_for_actions_that_were_not_sent(self):
        bench = make()
        session, transport = bench.login("boss")
        session.receive(originate(1) + originate(2) + action("Logoff", 3))
        serve(bench)
        transport.take()
        session.close("kicked")
        assert transport.take().count(b"Message: Session closed: kicked") == 2
        bench.clock.advance(5.0)
        assert serve(bench) == []

    def test_a_lost_session_gives_up_its_place_and_others_move_up(self):
        bench = make()
        (one, _), (two, _) = bench.login("boss"), bench.login("boss")
        one.receive(originate(1) + originate(2))
        two.receive(originate(3))
        serve(bench)
        one.lost("gone")
        bench.clock.advance(1.0)
        assert serve(bench) == ["Local/3@x"]

    def test_a_half_closed_client_still_gets_its_calls_placed(self):
        bench = make()
        session, transport = bench.login("boss")
        session.receive(originate(1) + originate(2))
        session.ended()
        serve(bench)
        assert not transport.closed
        bench.clock.advance(1.0)
        assert serve(bench) == ["Local/2@x"]
        assert transport.closed == "close"

    def test_many_actions_that_become_due_at_once_take_turns(self):
        bench = make(originate_rate=1.0, rate_wait=1000.0, in_flight_per_session=200, in_flight=500)
        session, _ = bench.login("boss")
        session.receive(b"".join(originate(n) for n in range(100)) + action("Ping", "p"))
        bench.hub.adopt_limits(Limits(originate_rate=1e4, originate_burst=1000, in_flight_per_session=200))
        bench.hub.adopt(UserTable([boss()]))
        bench.clock.advance(0.1)
        assert len(serve(bench)) == 100
        assert session.queue.aside.size == 0


class TestReload:
    def test_a_users_new_rate_applies_at_once_to_waiting_actions(self):
        bench = make(originate_rate=0.1, originate_burst=5)
        session, _ = bench.login("boss")
        session.receive(b"".join(originate(n) for n in range(8)))
        assert len(serve(bench)) == 5
        bench.hub.adopt(UserTable([boss(originate_rate=100.0)]))
        bench.clock.advance(0.1)
        assert len(serve(bench)) == 3

    def test_waiting_actions_of_a_removed_user_are_forgotten(self):
        bench = make()
        session, _ = bench.login("boss")
        session.receive(originate(1) + originate(2))
        serve(bench)
        bench.hub.adopt(UserTable())
        bench.clock.advance(5.0)
        assert serve(bench) == []

    def test_sessions_per_user_refuses_one_more_session(self):
        bench = make()
        bench.hub.adopt(UserTable([boss(sessions=1)]))
        bench.login("boss")
        second, transport = bench.connect()
        second.receive(action("Login", Username="boss", Secret="x"))
        bench.clock.advance(2.0)
        assert b"Too many sessions" in transport.take()
        assert bench.hub.stats.limits == {"sessions_per_user": 1}
