import asyncio

from amiproxy.tools.simulator import Simulator
from tests.support.service import Service


async def test_list_queries_are_asked_once(simulator: Simulator, service: Service) -> None:
    """Twenty clients ask again and again; each gets whole lists of its own, and Asterisk few questions."""
    clients = [await service.client("boss") for _ in range(20)]
    before = len(simulator.received)

    async def poll(number: int) -> None:
        for turn in range(5):
            action_id = f"{number}/{turn}"
            response, items, complete = await clients[number].event_list("QueueStatus", ActionID=action_id)
            messages = [response, *items, complete]
            assert {message.get("ActionID") for message in messages} == {action_id}
            assert response.get("Response") == "Success"
            assert complete.get("ListItems") == str(len(items))

    try:
        await asyncio.gather(*(poll(number) for number in range(20)))
        asked = [raw for raw in simulator.received[before:] if b"QueueStatus" in raw]
        assert len(asked) < 50, "of a hundred"
        clients[0].send("QueueStatus", ActionID="a")
        clients[1].send("QueueStatus", ActionID="b")
        await clients[0].close()
        response, _, complete = await clients[2].event_list("QueueStatus", ActionID="c")
        assert response.get("ActionID") == complete.get("ActionID") == "c"
        assert (await clients[1].response("b")).get("Response") == "Success"
    finally:
        for client in clients[1:]:
            await client.close()
