"""Everything that uses sockets, on both event loops; no task may remain afterwards."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
import uvloop

from amiproxy.tools.simulator import Settings, Simulator
from amiproxy.tools.simulator.calls.storm import read_storm_event, storm_event
from amiproxy.tools.simulator.misbehaviour.faults import Trickle
from tests.tools.simulator.simulated import USERS, session

Loop = Callable[[], asyncio.AbstractEventLoop]
on_both_loops = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


async def eventful() -> None:
    settings = Settings(login_delay=0, calls_per_minute=1200)
    async with Simulator(USERS, settings) as simulator:
        async with session(simulator) as client:
            await client.wait_event("Newchannel")
            simulator.calls.rate(0)
            simulator.faults.trickle = Trickle(size=100)
            assert (await client.action("Ping")).get("Ping") == "Pong"
            simulator.faults.clear()
            simulator.faults.stall(reading=False)
            simulator.faults.resume()
            assert (await client.action("Ping")).get("Ping") == "Pong"
            simulator.faults.reset()
            assert "Reset" in await client.ended()
        async with session(simulator, events="call") as client:
            client.send("Originate", Channel="Local/ring@lab/n", Application="Wait", Timeout="0")
            await asyncio.sleep(0)


async def stormy() -> None:
    async with Simulator(USERS, Settings(login_delay=0)) as simulator, session(simulator) as client:
        await simulator.storm(5000, 200)
        await client.wait_event(
            "VarSet",
            lambda message: (
                message.get(
                    "Value",
                )[:10]
                == "0000000199"
            ),
        )
        found = [read_storm_event(message.raw) for message in client.log if message.event == "VarSet"]
        assert [event[0] for event in found if event] == list(range(200))
        times = [event[1] for event in found if event]
        assert all(earlier <= later for earlier, later in pairwise(times))
        assert times[-1] - times[0] >= 0.03


@on_both_loops
@pytest.mark.parametrize("scene", [eventful, stormy])
def test_a_scene_runs_and_ends_cleanly(loop: Loop, scene: Callable[[], object]) -> None:
    async def whole() -> set[asyncio.Task[object]]:
        await scene()  # type: ignore[misc]
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(whole()) == set()


def test_all_storm_events_have_the_same_length() -> None:
    assert len(storm_event(0, 0.0)) == len(storm_event(10**9, 123456.789)) > 300
    assert read_storm_event(storm_event(17, 1.5)) == (17, 1.5)
    assert read_storm_event(b"Event: VarSet\r\n\r\n") is None
