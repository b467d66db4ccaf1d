from amiproxy.tools.simulator import Simulator
from tests.support.service import Service


async def test_a_list_reaches_a_client_without_read_classes(simulator: Simulator, service: Service) -> None:
    async with await service.client("blind") as blind, await service.client("boss", Events="off") as other:
        _, items, complete = await blind.event_list("QueueStatus")
        assert items
        assert complete.get("ListItems") == str(len(items))
        simulator.broadcast(b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: x\r\n\r\n")
        await blind.action("CoreStatus")
        mine = {id(message) for message in (*items, complete)}
        assert not [m for m in blind.log if m.event and id(m) not in mine], "no event but its own list's"
        assert not [m for m in other.log if m.event], "no part of the list reached another client"
