"""The proxy as a process between a misbehaving simulator and well-behaved clients."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support.service import LIMITS, SECRET, USERS, Service


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator([User("proxy", SECRET)], Settings(login_delay=0.0)) as running:
        yield running


@pytest.fixture
async def make_service(tmp_path: Path) -> AsyncIterator[Callable[..., Service]]:
    """Builds services for the port given; each is stopped at the end, and must not have died before."""
    made: list[Service] = []

    def make(port: int, limits: Mapping[str, Any] | None = None, **settings: Any) -> Service:
        upstream = ("127.0.0.1", port, "proxy", SECRET)
        made.append(Service(tmp_path, upstream, USERS, limits={**LIMITS, **(limits or {})}, **settings))
        return made[-1]

    yield make
    for service in made:
        ended = service.process is not None and service.process.poll() is not None
        service.kill()
        assert not ended, service.stderr[-3000:]
        assert SECRET not in service.stderr


@pytest.fixture
async def start(simulator: Simulator, make_service: Callable[..., Service]) -> Callable[..., Any]:
    """The same, in front of the simulator, up and linked; takes the limits that differ."""

    async def started(**limits: Any) -> Service:
        service = make_service(simulator.port, limits)
        await service.start_up()
        await service.linked()
        return service

    return started
