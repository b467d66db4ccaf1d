"""Calls of the action Originate: order of events, outcomes, interruptions.  Without an event loop."""

import pytest

from amiproxy.tools.simulator.calls.call import HungUp, Redirected
from amiproxy.tools.simulator.calls.originated import Order, OriginatedCall
from amiproxy.tools.simulator.pbx.dialplan import Outcome
from tests.tools.simulator.simulated import Day, header, names


def order(channel: str = "Local/answer@lab/n", **more: object) -> Order:
    plain: dict[str, object] = {
        "channel": channel,
        "context": "",
        "exten": "",
        "priority": 0,
        "application": "Wait",
        "data": "1",
        "timeout": 30.0,
        "caller": ("<unknown>", "<unknown>"),
        "variables": (),
        "asynchronous": True,
        "action_id": "a1",
    }
    return Order(**{**plain, **more})  # type: ignore[arg-type]


def placed(day: Day, what: Order) -> tuple[OriginatedCall, list[Outcome]]:
    outcomes: list[Outcome] = []
    call = OriginatedCall(day.pbx, what, 0.5, outcomes.append)
    day.start(call)
    return call, outcomes


@pytest.mark.parametrize(
    ("channel", "outcome", "response", "reason"),
    [
        ("Local/answer@lab/n", Outcome.ANSWER, "Success", "4"),
        ("PJSIP/alice", Outcome.ANSWER, "Success", "4"),
        ("Local/busy@lab/n", Outcome.BUSY, "Failure", "5"),
        ("PJSIP/busy", Outcome.BUSY, "Failure", "5"),
        ("Local/congestion@lab", Outcome.CONGESTION, "Failure", "8"),
        ("PJSIP/cong", Outcome.CONGESTION, "Failure", "8"),
        ("Local/ring@lab/n", Outcome.NOANSWER, "Failure", "3"),
        ("Local/noanswer@lab/n", Outcome.NOANSWER, "Failure", "3"),
        ("Bogus/1", Outcome.FAILED, "Failure", "0"),
        ("Local/nosuch@lab", Outcome.FAILED, "Failure", "0"),
        ("Local/answer@nowhere", Outcome.FAILED, "Failure", "0"),
    ],
)
def test_each_destination_has_its_outcome(channel: str, outcome: Outcome, response: str, reason: str) -> None:
    day = Day()
    _, outcomes = placed(day, order(channel))
    steps = day.run()
    (told,) = (raw for _, raw in steps if raw.startswith(b"Event: OriginateResponse"))
    assert outcomes == [outcome]
    assert (header(told, "Response"), header(told, "Reason")) == (response, reason)
    assert header(told, "ActionID") == "a1"
    assert (header(told, "Uniqueid") == "<unknown>") == (outcome is not Outcome.ANSWER)
    assert day.pbx.channels == {}


def test_the_events_of_an_answered_call_come_in_asterisk_22s_order() -> None:
    day = Day()
    placed(day, order(variables=(("A", "1"),), caller=("123", "Bob")))
    relevant = [
        name for name in names(day.run()) if name not in {"DeviceStateChange", "Cdr", "SoftHangupRequest"}
    ]
    setup = ["VarSet", "NewCallerid", "NewConnectedLine"] * 2
    assert relevant == [
        *("Newchannel", "Newchannel", "Newexten", *setup, "LocalBridge", "DialBegin", "Newexten"),
        *("Newstate", "Newstate", "OriginateResponse", "DialEnd", "Newexten", "Hangup", "Hangup"),
    ]


def test_a_synchronous_call_has_no_originate_response() -> None:
    day = Day()
    _, outcomes = placed(day, order(asynchronous=False))
    assert "OriginateResponse" not in names(day.run())
    assert outcomes == [Outcome.ANSWER]


def test_a_call_to_an_extension_runs_it() -> None:
    day = Day()
    placed(day, order(application="", data="", context="lab", exten="echo", priority=1))
    raws = [raw for _, raw in day.run(2)]
    (told,) = (raw for raw in raws if raw.startswith(b"Event: OriginateResponse"))
    assert (header(told, "Context"), header(told, "Exten"), header(told, "Application")) == (
        "lab",
        "echo",
        None,
    )
    assert any(header(raw, "Application") == "Echo" for raw in raws if raw.startswith(b"Event: Newexten"))


def test_without_an_action_id_the_response_has_none() -> None:
    day = Day()
    placed(day, order(action_id=""))
    (told,) = (raw for _, raw in day.run() if raw.startswith(b"Event: OriginateResponse"))
    assert b"ActionID" not in told


def test_an_unanswered_call_ends_at_the_timeout() -> None:
    day = Day()
    _, outcomes = placed(day, order("Local/ring@lab/n", timeout=7.0))
    day.run(6.9)
    assert outcomes == []
    day.run(0.2)
    assert outcomes == [Outcome.NOANSWER]


def test_an_infinite_timeout_never_ends() -> None:
    day = Day()
    call, outcomes = placed(day, order("Local/ring@lab/n", timeout=float("inf")))
    day.run(100_000)
    assert outcomes == []
    day.timeline.interrupt(call, HungUp(), day.clock.now)
    day.run()
    assert outcomes == [Outcome.FAILED]


def test_hanging_up_ends_the_call_with_the_cause() -> None:
    day = Day()
    call, outcomes = placed(day, order("Local/echo@lab/n", application="Echo"))
    day.run(2)
    day.timeline.interrupt(call, HungUp(17), day.clock.now)
    hangups = [raw for _, raw in day.run() if raw.startswith(b"Event: Hangup")]
    assert [(header(raw, "Cause"), header(raw, "Cause-txt")) for raw in hangups] == [("17", "User busy")] * 2
    assert outcomes == [Outcome.ANSWER]
    assert day.timeline.calls == []


def test_hanging_up_twice_has_the_effect_of_once() -> None:
    day = Day()
    call, _ = placed(day, order("Local/echo@lab/n", application="Echo"))
    day.run(2)
    day.timeline.interrupt(call, HungUp(), day.clock.now)
    day.timeline.interrupt(call, HungUp(), day.clock.now)
    assert names(day.run()).count("Hangup") == 2
    day.timeline.interrupt(call, HungUp(), day.clock.now)
    assert day.run() == []


def test_redirecting_a_channel_runs_the_extension_and_hangs_up_the_other() -> None:
    day = Day()
    call, _ = placed(day, order("Local/echo@lab/n", application="Echo"))
    day.run(2)
    one, two = call.channels
    day.timeline.interrupt(call, Redirected(two, "lab", "wait7"), day.clock.now)
    steps = day.run(3)
    assert names(steps) == ["Hangup", "DeviceStateChange", "Cdr", "Newexten"]
    assert header(steps[0][1], "Channel") == one.name
    assert (header(steps[3][1], "Extension"), header(steps[3][1], "AppData")) == ("wait7", "7")
    assert list(day.pbx.channels) == [two.name]
    assert names(day.run()).count("Hangup") == 1
