import pytest

from proxy.simulator import Simulator, User
from tests.support.service import SECRET, Service
from tests.support.waiting import until


@pytest.mark.parametrize("how", ["stop", "reset"])
async def test_sessions_outlive_an_asterisk_restart(simulator: Simulator, service: Service, how: str) -> None:
    port = simulator.port
    again: Simulator | None = None
    async with await service.client("boss") as boss, await service.client("caller") as caller:
        # Asterisk has the action, and dies with it: nobody knows whether it was done.
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
            for client in (boss, caller):
                assert (await client.action("Ping")).get("Response") == "Success"
            assert (await boss.action("CoreStatus")).get("Response") == "Success"
            assert not [r for r in again.received if b"QueueAdd" in r or b"Hangup" in r], "sent twice"
            # A reader of call alone is told nothing about the link.
            assert not [m for m in caller.log if m.event in {"ProxyUpstream", "FullyBooted"}]
        finally:
            await again.stop()
