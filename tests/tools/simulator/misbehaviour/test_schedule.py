"""Faults at scheduled times, as a client that has logged in experiences them."""

import asyncio
from collections import Counter

import pytest

from amiproxy.tools.simulator import Simulator
from amiproxy.tools.simulator.misbehaviour.schedule import VERBS, Scheduled
from tests.tools.simulator.simulated import SETTINGS, USERS, session


@pytest.mark.parametrize(
    ("text", "scheduled"),
    [
        ("stall", Scheduled("stall", 0.0)),
        ("stall:1.5", Scheduled("stall", 1.5)),
        ("reset", Scheduled("reset", 10.0)),
        ("die-in-list:30", Scheduled("die-in-list", 30.0)),
    ],
)
def test_a_fault_is_parsed(text: str, scheduled: Scheduled) -> None:
    assert Scheduled.from_text(text) == scheduled


@pytest.mark.parametrize("text", ["", "fire", "reset:0", "reset:", "stall:-1", "stall:nan", "stall:1e9"])
def test_an_invalid_fault_is_refused_with_the_valid_choices(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown fault .*known faults: |the seconds of \w+ must be from"):
        Scheduled.from_text(text)


@pytest.mark.parametrize("name", VERBS)
async def test_each_fault_happens_once_or_repeats(name: str) -> None:
    told: Counter[str] = Counter()
    again = asyncio.Event()

    def hear(said: str) -> None:
        told[said] += 1
        if told[said] == 3:
            again.set()

    async with Simulator(USERS, SETTINGS) as simulator:
        work = simulator.spawn(Scheduled(name, 0.01).run(simulator.faults, hear))
        async with asyncio.timeout(10):
            await (again.wait() if VERBS[name].again else work)
        simulator.faults.clear()
    assert told[name] == (3 if VERBS[name].again else 1)


async def test_sessions_can_be_ended() -> None:
    for name, how in (("reset", "ConnectionResetError"), ("drop", "end of stream")):
        async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
            simulator.spawn(Scheduled(name, 0.01).run(simulator.faults, lambda _: None))
            assert how in await client.ended()


async def test_every_list_is_cut_short() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        for _ in range(2):
            async with session(simulator, events="off") as client:
                await Scheduled("trickle", 0.0).run(simulator.faults, lambda _: None)
                armed = asyncio.Event()
                work = simulator.spawn(
                    Scheduled("die-in-list", 0.01).run(simulator.faults, lambda _, armed=armed: armed.set())
                )
                async with asyncio.timeout(10):
                    await armed.wait()
                client.send("QueueStatus")
                await client.ended()
                work.cancel()
                assert not [m for m in client.log if m.get("EventList") == "Complete"]
                simulator.faults.clear()
