import asyncio

from amiproxy.tools.simulator import Simulator
from tests.support.service import Service


async def test_two_clients_may_use_the_same_actionid(simulator: Simulator, service: Service) -> None:
    simulator.script(
        "Getvar",
        lambda request: (
            b"Response: Success\r\nActionID: %b\r\nVariable: %b\r\nValue: 1\r\n\r\n"
            % (request.get(b"actionid"), request.get(b"variable"))
        ),
    )
    async with await service.client("boss") as one, await service.client("boss") as two:
        for number in range(50):
            for name, client in (("one", one), ("two", two)):
                client.send("Getvar", Variable=f"{name}{number}", ActionID="1")
        for number in range(50):
            first, second = await asyncio.gather(one.response("1"), two.response("1"))
            assert first.get("Variable") == f"one{number}"
            assert second.get("Variable") == f"two{number}"
        lists = await asyncio.gather(
            one.event_list("QueueStatus", ActionID="same"),
            two.event_list("CoreShowChannels", ActionID="same"),
        )
        assert {item.event for item in lists[0][1]} <= {"QueueParams", "QueueMember", "QueueEntry"}
        assert lists[0][1]
        assert lists[0][2].event == "QueueStatusComplete"
        assert lists[1][2].event == "CoreShowChannelsComplete"
        assert not one.inbox or all(m.event for m in one.inbox)
    ids = [
        line for raw in simulator.received for line in raw.split(b"\r\n") if line.startswith(b"ActionID: ")
    ]
    assert len(ids) == len(set(ids)), "on the link each is unique"
    assert b"ActionID: same" not in ids
    assert b"ActionID: 1" not in ids
