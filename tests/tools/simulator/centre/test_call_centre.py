"""The call centre has everything that a wallboard shows, and its day is plausible."""

from collections import Counter

import pytest

from amiproxy.tools.simulator import Settings, Simulator
from amiproxy.tools.simulator.centre.staff import phones, trunks
from tests.tools.simulator.centre.centre_day import CentreDay
from tests.tools.simulator.simulated import USERS, header, names, session

#: What is sent in half an hour at the demo's rate: everything that moves a board.
_MOVES = {
    *("AgentCalled", "AgentComplete", "AgentConnect", "AgentRingNoAnswer", "BridgeEnter", "BridgeLeave"),
    *("ConfbridgeEnd", "ConfbridgeJoin", "ConfbridgeLeave", "ConfbridgeStart", "ContactStatus"),
    *("DeviceStateChange", "ExtensionStatus", "Hangup", "NewConnectedLine", "Newchannel", "Newstate"),
    *("ParkedCall", "PeerStatus", "QueueCallerAbandon", "QueueCallerJoin", "QueueCallerLeave"),
    *("QueueMemberPause", "QueueMemberStatus", "UnParkedCall"),
}


def test_half_an_hour_has_every_event_that_moves_a_board() -> None:
    day = CentreDay(18, pace=2.0)
    events = day.events(1800)
    assert set(names([(0, raw) for raw in events])) >= _MOVES
    told = Counter(
        header(raw, "PausedReason") for raw in events if raw.startswith(b"Event: QueueMemberPause")
    )
    assert len(told) > 3
    down = {header(raw, "EndpointName") for raw in events if b"\r\nContactStatus: Unreachable\r\n" in raw}
    assert down & {line.name for line in trunks(day.pbx)}
    assert down & {line.name for line in phones(day.pbx)}


def test_callers_wait_and_most_of_them_are_answered_in_time() -> None:
    day = CentreDay(18, pace=2.0)
    before = {name: (queue.completed, queue.abandoned) for name, queue in day.pbx.queues.items()}
    waiting, states = Counter[int](), Counter[int]()
    for _ in range(180):
        day.events(10)
        waiting[sum(len(queue.waiting) for queue in day.pbx.queues.values())] += 1
        states.update(member.status for queue in day.pbx.queues.values() for member in queue.members)
    assert waiting[0] < 120
    assert max(waiting) < 15
    assert min(states[state] for state in (1, 2, 5, 6)) > 0
    for name, queue in day.pbx.queues.items():
        completed, abandoned = queue.completed - before[name][0], queue.abandoned - before[name][1]
        assert completed > 2 * abandoned
        assert all(50 < float(percent) <= 100 for percent in queue.performance)


def test_the_same_seed_gives_the_same_day() -> None:
    assert CentreDay(60, seed=7).events(120) == CentreDay(60, seed=7).events(120)
    assert CentreDay(60, seed=7).events(120) != CentreDay(60, seed=8).events(120)


def test_nothing_happens_at_rate_zero() -> None:
    day = CentreDay(60)
    day.events(300)
    day.traffic.rate(0)
    day.events(4 * 3600)
    assert day.events(3600) == []
    day.traffic.rate(60)
    assert day.events(60)


@pytest.mark.parametrize(
    ("action", "item"),
    [
        ("Agents", None),
        ("ConfbridgeListRooms", "ConfbridgeListRooms"),
        ("CoreShowChannels", "CoreShowChannel"),
        ("DeviceStateList", "DeviceStateChange"),
        ("ExtensionStateList", "ExtensionStatus"),
        ("ParkedCalls", "ParkedCall"),
        ("PJSIPShowContacts", "ContactList"),
        ("PJSIPShowEndpoints", "EndpointList"),
        ("PresenceStateList", None),
        ("QueueSummary", "QueueSummary"),
    ],
)
async def test_its_lists_are_answered(action: str, item: str | None) -> None:
    settings = Settings(login_delay=0.0, calls_per_minute=1, call_centre=True)
    async with Simulator(USERS, settings) as simulator:
        simulator.calls.pace = 20.0
        for kind in ("parked", "conference", "queue"):
            simulator.calls.place(kind)
        async with session(simulator) as client:
            await client.wait_event("ParkedCall")
            _, items, _ = await client.event_list(action)
        assert {each.get("Event") for each in items} == ({item} if item else set())


async def test_without_it_there_are_no_such_lists() -> None:
    async with Simulator(USERS, Settings(login_delay=0.0)) as simulator, session(simulator) as client:
        answer = await client.action("PJSIPShowEndpoints")
        assert answer.get("Response") == "Error"


async def test_a_warm_up_has_calls_under_way_at_the_start() -> None:
    settings = Settings(login_delay=0.0, calls_per_minute=18, call_centre=True, warm_up=600)
    async with Simulator(USERS, settings) as simulator, session(simulator) as client:
        _, channels, _ = await client.event_list("CoreShowChannels")
        assert len(channels) > 4
        durations = {channel.get("Duration") or "" for channel in channels}
        assert all("00:00:00" <= duration < "00:10:00" for duration in durations)
        _, queues, _ = await client.event_list("QueueSummary")
        assert {queue.get("Queue") for queue in queues} == set(simulator.pbx.queues)
