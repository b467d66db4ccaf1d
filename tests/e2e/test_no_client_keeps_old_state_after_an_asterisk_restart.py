import asyncio
import copy
import signal
from typing import Any

import pytest

from amiproxy.tools.simulator import Simulator, User
from tests.support.service import SECRET, USERS, Service
from tests.support.waiting import until


@pytest.mark.parametrize("how", ["stop", "reset"])
async def test_clients_that_can_be_notified_stay_and_the_others_are_closed(
    simulator: Simulator, service: Service, how: str
) -> None:
    port = simulator.port
    again: Simulator | None = None
    async with (
        await service.client("boss") as boss,
        await service.client("caller") as caller,
        await service.client("blind") as blind,
        await service.connect() as stranger,
    ):
        # Asterisk has the action, and dies with it: its outcome is unknown.
        simulator.faults.ignore("QueueAdd", -1)
        boss.send("QueueAdd", Queue="support", Interface="Local/1@x", ActionID="side effect")
        simulator.faults.ignore("Hangup", -1)
        caller.send("Hangup", Channel="none", ActionID=None)
        await until(lambda: sum(b"QueueAdd" in r or b"Hangup" in r for r in simulator.received) == 2)

        if how == "reset":
            simulator.faults.reset()
        await simulator.stop()
        lost = await boss.response("side effect")
        assert lost.headers == [
            ("Response", "Error"),
            ("ActionID", "side effect"),
            ("Message", "Upstream connection lost (outcome unknown)"),
        ]
        assert (await caller.response(None)).get("Response") == "Error"
        down = await boss.wait_event("ProxyUpstream")
        assert down.get("Status") == "Down"
        # A reader of class call cannot be notified: it is closed with a reason, and reconnects.
        assert await caller.ended() == "end of stream"
        (end,) = [m for m in caller.log if m.event == "ProxySessionEnd"]
        assert end.get("Reason") == "upstream lost"
        assert not [m for m in caller.log if m.event == "ProxyUpstream"]
        late = await service.client("caller")
        refused = await boss.action("CoreStatus")
        assert refused.get("Message") == "Upstream not connected"

        again = Simulator([User("proxy", SECRET)])
        await again.start(port=port)
        try:
            up = await boss.wait_event("ProxyUpstream")
            assert up.get("Status") == "Up"
            booted = await boss.wait_event(
                "FullyBooted", lambda event: boss.log.index(event) > boss.log.index(up)
            )
            assert boss.log.index(down) < boss.log.index(up) < boss.log.index(booted)
            for client in (boss, late, blind):
                assert (await client.action("Ping")).get("Response") == "Success"
            assert (await boss.action("CoreStatus")).get("Response") == "Success"
            assert not [r for r in again.received if b"QueueAdd" in r or b"Hangup" in r], "sent twice"
            assert (await stranger.login("caller", "ring")).get("Response") == "Success"
            assert (await late.action("Ping")).get("Response") == "Success", "it came while the link was down"
            await service.said(" closed=1 told=1 kept=0 no_events=1")
        finally:
            await late.close()
            await again.stop()


async def test_upstream_lost_can_be_chosen_and_a_reload_applies_it(
    simulator: Simulator, service: Service
) -> None:
    users: dict[str, Any] = copy.deepcopy(USERS)
    users["boss"]["upstream_lost"] = "close"
    service.write_users(users)
    service.change(upstream_lost="stay")
    service.signal(signal.SIGHUP)
    await service.said(" reloaded ")
    async with await service.client("boss") as boss, await service.client("caller") as caller:
        simulator.faults.reset()
        assert await boss.ended() == "end of stream"
        assert next(m.get("Status") for m in boss.log if m.event == "ProxyUpstream") == "Down"
        await service.linked(2)
        await asyncio.sleep(1.6)
        assert (await caller.action("Ping")).get("Response") == "Success"
