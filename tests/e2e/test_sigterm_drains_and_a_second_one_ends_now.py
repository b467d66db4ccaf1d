import asyncio
import signal
import time

from amiproxy.tools.simulator import Simulator
from tests.support.service import Service
from tests.support.waiting import until


async def asked(simulator: Simulator, action: bytes) -> None:
    await until(lambda: any(b"Action: " + action + b"\r\n" in raw for raw in simulator.received))


async def test_sigterm_waits_for_actions_in_flight(simulator: Simulator, service: Service) -> None:
    async with await service.client("boss") as boss, await service.client("caller") as idle:
        simulator.faults.stall()
        boss.send("CoreStatus", ActionID="under way")
        await asked(simulator, b"CoreStatus")
        service.signal(signal.SIGTERM)
        await service.said(" stopping ")
        try:
            refused = False
            (await service.connect()).close()
        except ConnectionRefusedError:
            refused = True
        assert refused, "it still accepts"
        await boss.wait_event("ProxyShutdown")
        simulator.faults.resume()
        answer = await boss.response("under way")
        assert answer.get("Response") == "Success"
        assert await boss.ended() == "end of stream"
        assert await idle.ended() == "end of stream"
        assert all(message.event != "ProxyShutdown" for message in idle.log), "it does not read class system"
        assert await service.status() == 0
        await service.said(" stopped")


async def test_an_action_that_is_never_answered_gets_an_error_at_the_end(
    simulator: Simulator, service: Service
) -> None:
    service.change(limits={"drain_timeout": 0.3})
    service.signal(signal.SIGHUP)
    await service.said(" reloaded ")
    async with await service.client("boss") as boss:
        simulator.faults.ignore("CoreStatus", -1)
        lines = (f"Action: CoreStatus\r\nActionID: {number}\r\n\r\n" for number in range(200))
        boss.send_raw("".join(lines).encode())
        await asked(simulator, b"CoreStatus")
        service.signal(signal.SIGTERM)
        answers = [await boss.response(str(number)) for number in range(200)]
        assert answers[0].get("Message") == "Upstream connection lost (outcome unknown)"
        assert {answer.get("Message") for answer in answers[1:]} == {"Shutting down"}
        assert await boss.ended() == "end of stream"
        assert await service.status() == 0


async def test_a_second_sigterm_ends_it_at_once(simulator: Simulator, service: Service) -> None:
    async with await service.client("boss") as boss:
        simulator.faults.stall()
        boss.send("CoreStatus")
        await asked(simulator, b"CoreStatus")
        service.signal(signal.SIGTERM)
        await service.said(" stopping ")
        began = time.monotonic()
        service.signal(signal.SIGHUP)  # a bad time to die of a reload
        service.signal(signal.SIGTERM)
        assert await service.status() == 0
        assert time.monotonic() - began < 5, "it went on draining"
        await boss.ended()


async def test_ctrl_c_has_the_same_effect(service: Service) -> None:
    async with await service.client("boss") as boss:
        service.signal(signal.SIGINT)
        assert await boss.ended() == "end of stream"
        assert await service.status() == 0
        await asyncio.sleep(0)
