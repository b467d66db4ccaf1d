from typing import Any

import pytest

from amiproxy.tools.simulator import Simulator
from tests.support.ami_client import AmiClient
from tests.support.service import SECRET, Service

ANSWERED = {"Channel": "Local/answer@lab", "Application": "Wait", "Data": "0", "Timeout": "5000"}
NO_ANSWER = {**ANSWERED, "Channel": "Local/noanswer@lab", "Timeout": "100"}
UNKNOWN = {**ANSWERED, "Channel": "Nothing/1"}


async def conversation(client: AmiClient, headers: dict[str, Any]) -> list[tuple[str, Any]]:
    """A client's view of a call that it originates: the whole answer, then the outcome's event, if any."""
    start = len(client.log)
    answer = await client.action("Originate", ActionID="orig/1", **headers)
    if headers.get("Async") == "true":
        # Another thread of Asterisk sends it, sooner or later than this one answers.
        await client.take(lambda message: message.event == "OriginateResponse", "the call's fate")
    await client.action("Ping", ActionID="after")
    seen: list[tuple[str, Any]] = []
    for message in client.log[start:]:
        if message is answer:
            seen.append(("response", message.headers))
        elif message.event == "OriginateResponse":
            seen.append(("event", message.without("Uniqueid", "Channel")))
    return sorted(seen, key=lambda one: one[0], reverse=True)


@pytest.mark.parametrize("headers", [ANSWERED, NO_ANSWER, UNKNOWN], ids=["answered", "no answer", "unknown"])
@pytest.mark.parametrize("mode", [{}, {"Async": "false"}, {"Async": "true"}], ids=["sync", "false", "async"])
async def test_a_synchronous_originate_looks_like_asterisks(
    simulator: Simulator, service: Service, headers: dict[str, str], mode: dict[str, str]
) -> None:
    async with await AmiClient.connect("127.0.0.1", simulator.port) as direct:
        await direct.login("proxy", SECRET)
        expected = await conversation(direct, {**headers, **mode})
    async with await service.client("boss") as boss:
        assert await conversation(boss, {**headers, **mode}) == expected
    assert any("response" in kind for kind, _ in expected)


async def test_a_waiting_originate_delays_no_other_session(simulator: Simulator, service: Service) -> None:
    async with await service.client("boss") as boss, await service.client("caller") as caller:
        boss.send("Originate", ActionID="waits", **{**NO_ANSWER, "Timeout": "30000"})
        called = await caller.wait_event("Newchannel")
        assert (await caller.action("Status")).get("Response") == "Success"
        assert not [m for m in boss.log if m.get("ActionID") == "waits"]
        await caller.action("Hangup", Channel=called.get("Channel"))
