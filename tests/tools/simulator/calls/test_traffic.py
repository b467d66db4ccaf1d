"""Typical calls: consistent, complete, the same for the same seed.  Without an event loop."""

from collections import Counter
from itertools import islice

import pytest

from amiproxy.ami.privilege import CLASS_NAMES
from amiproxy.tools.simulator.calls.call import HungUp, Redirected
from amiproxy.tools.simulator.calls.patterns import DialledCall, QueueCall, TalkingCall
from amiproxy.tools.simulator.calls.traffic import Traffic, pattern
from tests.tools.simulator.simulated import Day, header, names

_EXPECTED_CLASSES = {
    "Newchannel": "call",
    "Newstate": "call",
    "Hangup": "call",
    "HangupRequest": "call",
    "SoftHangupRequest": "call",
    "DialBegin": "call",
    "DialState": "call",
    "DialEnd": "call",
    "NewConnectedLine": "call",
    "BridgeCreate": "call",
    "BridgeEnter": "call",
    "BridgeLeave": "call",
    "BridgeDestroy": "call",
    "DeviceStateChange": "call",
    "VarSet": "dialplan",
    "Newexten": "dialplan",
    "QueueCallerJoin": "agent",
    "QueueCallerLeave": "agent",
    "QueueCallerAbandon": "agent",
    "QueueMemberStatus": "agent",
    "AgentCalled": "agent",
    "AgentConnect": "agent",
    "AgentComplete": "agent",
    "DTMFBegin": "dtmf",
    "DTMFEnd": "dtmf",
    "RTCPSent": "reporting",
    "Cdr": "cdr",
}


def day_of_calls(count: int = 60, seed: int = 1) -> list[tuple[float, bytes]]:
    day = Day(seed)
    steps = []
    traffic = Traffic(day.pbx, day.timeline)
    for number in range(count):
        traffic.place("queue" if number % 2 else "dialled")
        steps += day.run(20)
    return steps + day.run()


def test_every_event_has_the_class_asterisk_gives_it() -> None:
    steps = day_of_calls()
    found = {(name, header(raw, "Privilege")) for name, (_, raw) in zip(names(steps), steps, strict=True)}
    assert found == {(name, f"{classes},all") for name, classes in _EXPECTED_CLASSES.items()}
    assert set(_EXPECTED_CLASSES.values()) <= set(CLASS_NAMES)


def test_the_same_seed_gives_the_same_calls_and_another_seed_others() -> None:
    assert list(islice(pattern(30, seed=7), 3000)) == list(islice(pattern(30, seed=7), 3000))
    assert list(islice(pattern(30, seed=7), 3000)) != list(islice(pattern(30, seed=8), 3000))


def test_the_rate_is_kept() -> None:
    elapsed, calls = 0.0, set()
    for delay, raw in islice(pattern(60), 30_000):
        elapsed += delay
        calls.add(header(raw, "Linkedid"))
    assert 50 < len(calls) / elapsed * 60 < 70


def test_channels_begin_and_end_in_order() -> None:
    alive: dict[str, str] = {}
    seen: set[str] = set()
    for _, raw in day_of_calls():
        name, uniqueid, linkedid = (header(raw, key) or "" for key in ("Channel", "Uniqueid", "Linkedid"))
        if not uniqueid:
            continue
        if raw.startswith(b"Event: Newchannel"):
            assert uniqueid not in seen
            seen.add(uniqueid)
            alive[uniqueid] = name
        assert alive[uniqueid] == name
        assert linkedid in seen
        if raw.startswith(b"Event: Hangup\r\n"):
            del alive[uniqueid]
    assert alive == {}
    assert len(seen) > 60


def test_bridges_fill_and_empty() -> None:
    inside: dict[str, int] = {}
    for _, raw in day_of_calls():
        if not raw.startswith(b"Event: Bridge"):
            continue
        name, bridge = header(raw, "Event"), header(raw, "BridgeUniqueid") or ""
        if name == "BridgeCreate":
            inside[bridge] = 0
        elif name == "BridgeDestroy":
            assert inside.pop(bridge) == 0
        else:
            inside[bridge] += 1 if name == "BridgeEnter" else -1
            assert header(raw, "BridgeNumChannels") == str(inside[bridge])
    assert inside == {}


def test_every_caller_that_joins_a_queue_leaves_it() -> None:
    count = Counter(names(day_of_calls()))
    assert count["QueueCallerJoin"] == count["QueueCallerLeave"] == 30
    assert count["AgentConnect"] == count["AgentComplete"]
    assert count["AgentConnect"] + count["QueueCallerAbandon"] == 30
    assert count["AgentConnect"] > 10


@pytest.mark.parametrize("kind", [DialledCall, QueueCall])
@pytest.mark.parametrize("after", [0.0, 1.0, 5.0, 15.0])
@pytest.mark.parametrize("redirected", [False, True])
def test_a_call_can_be_interrupted_at_any_time(
    kind: type[TalkingCall], after: float, redirected: bool
) -> None:
    for number in range(10):
        day = Day()
        call = kind(day.pbx, number)
        day.start(call)
        day.run(after)
        if redirected and call.channels:
            channel = call.channels[-1]
            day.timeline.interrupt(call, Redirected(channel, "lab", "answer"), day.clock.now)
            day.run(0)
        day.timeline.interrupt(call, HungUp(), day.clock.now)
        day.run()
        assert (day.pbx.channels, day.pbx.bridges, day.timeline.calls) == ({}, {}, [])
        assert all(not queue.waiting for queue in day.pbx.queues.values())
        assert all(member.status == 1 for queue in day.pbx.queues.values() for member in queue.members)


def test_the_rate_can_be_set_to_zero() -> None:
    day = Day()
    traffic = Traffic(day.pbx, day.timeline, 600)
    day.run(10)
    begun = day.pbx.calls_processed
    assert begun > 50
    traffic.rate(0)
    day.run()
    assert day.pbx.calls_processed == begun
    assert day.pbx.channels == {}
