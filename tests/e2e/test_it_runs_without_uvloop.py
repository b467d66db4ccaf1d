from collections.abc import Callable
from pathlib import Path

from amiproxy.tools.simulator import Simulator
from tests.support.service import Service


async def test_it_runs_without_uvloop(
    simulator: Simulator, make_service: Callable[..., Service], tmp_path: Path
) -> None:
    # A module of that name which cannot be imported, found before the real one.
    stub = tmp_path / "missing"
    stub.mkdir()
    (stub / "uvloop.py").write_text("raise ImportError('not here')\n")
    service = make_service(simulator.port)
    service.environment = {"PYTHONPATH": str(stub)}
    await service.start_up()
    await service.linked()
    await service.said(" loop=asyncio")
    async with await service.client("boss") as boss, await service.client("caller") as caller:
        assert (await boss.action("CoreStatus")).get("Response") == "Success"
        simulator.broadcast(b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: x\r\n\r\n")
        await caller.wait_event("Newchannel")
        await boss.wait_event("Newchannel")
        assert (await caller.action("Logoff")).get("Response") == "Goodbye"
    service.stop()
