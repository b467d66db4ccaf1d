from amiproxy.tools.simulator import Simulator
from tests.support.service import Service

EVENT = b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: %b\r\n\r\n"


async def test_wait_event_is_answered_by_the_proxy(simulator: Simulator, service: Service) -> None:
    async with await service.client("caller") as caller, await service.client("boss") as boss:
        caller.send("WaitEvent", Timeout="-1", ActionID="w")
        # By now it runs; the action sent behind it ends it.
        assert (await boss.action("CoreStatus")).get("Response") == "Success"
        simulator.broadcast(EVENT % b"first")
        answer = await caller.response("w")
        complete = await caller.wait_event("WaitEventComplete", ActionID="w")
        event = await caller.wait_event("Newchannel", Channel="first")
        places = [caller.log.index(message) for message in (answer, event, complete)]
        assert places == sorted(places), "as Asterisk orders them"
        assert answer.headers == [
            ("Response", "Success"),
            ("ActionID", "w"),
            ("Message", "Waiting for Event completed."),
        ]
        answer = await caller.action("WaitEvent", Timeout="0")
        assert answer.get("Response") == "Success"
        assert not [raw for raw in simulator.received if b"WaitEvent" in raw]
