import asyncio
import contextlib
from collections.abc import Callable

from amiproxy.tools.simulator import Simulator
from tests.support.ami_client import AmiClient
from tests.support.service import Service

#: These alone would fill the pool before login twice over, at any time.
ATTACKERS = [f"127.0.0.{n}" for n in range(2, 10)]
LIMITS = {
    "exempt": [],
    "unauthenticated": 16,
    "unauthenticated_per_address": 4,
    "connection_rate": 5,
    "connection_burst": 10,
    "login_timeout": 60.0,
}
#: Seconds between two attempts of one attacker, and of a good client that was displaced.
_ATTACK_PACE = 0.02
_PATIENCE = 0.25


async def test_a_flood_of_logins_shuts_no_client_out(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service = make_service(simulator.port, limits=LIMITS)
    await service.start_up()
    await service.linked()

    async def guess(source: str) -> None:
        while True:
            with contextlib.suppress(OSError):
                async with await service.connect(source) as attacker:
                    attacker.send("Login", Username="boss", Secret="guess")
                    await attacker.ended()
            await asyncio.sleep(_ATTACK_PACE)

    async def sit(source: str) -> None:
        """Greeted, then silent: it holds a place for as long as it may."""
        while True:
            with contextlib.suppress(OSError):
                async with await service.connect(source) as silent:
                    await silent.ended()
            await asyncio.sleep(_ATTACK_PACE)

    async def log_in() -> AmiClient:
        """As real clients do: a displaced client tries again."""
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    return await service.client("caller")
                await asyncio.sleep(_PATIENCE)

    async with await service.client("boss") as boss, asyncio.TaskGroup() as tasks:
        flood = [
            tasks.create_task(attack(source)) for source in ATTACKERS for attack in (guess, sit, sit, sit)
        ]
        await service.said("login-failed")
        await service.said("displaced before login")
        inside = [await log_in() for _ in range(5)]
        for client in (boss, *inside):
            assert (await client.action("Ping")).get("Response") == "Success"
        for attack in flood:
            attack.cancel()
        for client in inside:
            await client.close()
    assert "guess" not in service.stderr
