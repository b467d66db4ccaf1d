import asyncio
import contextlib
from collections.abc import Callable

from proxy.simulator import Simulator
from tests.support.ami_client import AmiClient
from tests.support.service import Service


async def test_a_flood_of_logins_shuts_nobody_out(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    limits = {"unauthenticated": 16, "unauthenticated_per_address": 16, "login_timeout": 2.0}
    service = make_service(simulator.port, limits=limits)
    await service.start_up()
    await service.linked()
    flooding = True

    async def flood() -> None:
        while flooding:
            with contextlib.suppress(OSError):
                async with await service.connect() as attacker:
                    attacker.send("Login", Username="boss", Secret="guess")
                    await attacker.ended()

    async def sit() -> None:
        """Greeted, and then silent: it holds a place for as long as it is let."""
        while flooding:
            with contextlib.suppress(OSError):
                async with await service.connect() as silent:
                    await silent.ended()

    async with await service.client("boss") as boss, asyncio.TaskGroup() as tasks:
        for _ in range(15):
            tasks.create_task(flood())
        for _ in range(10):
            tasks.create_task(sit())
        await service.said("login-failed")
        inside: list[AmiClient] = []
        tries = 0
        while len(inside) < 5:
            tries += 1
            assert tries < 40, "a good client does not get in"
            with contextlib.suppress(OSError):
                inside.append(await service.client("caller"))
        for client in (boss, *inside):
            assert (await client.action("Ping")).get("Response") == "Success"
        flooding = False
        for client in inside:
            await client.close()
    assert "guess" not in service.stderr
