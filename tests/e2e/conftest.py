"""The proxy as a process, with a simulator in this one as its Asterisk."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support.ports import free_port
from tests.support.service import LIMITS, PASSWORDS, SECRET, USERS, Service


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator([User("proxy", SECRET)], Settings(login_delay=0.0)) as running:
        yield running


@pytest.fixture
async def make_service(tmp_path: Path) -> AsyncIterator[Callable[..., Service]]:
    """Builds services for the port given; each is stopped at the end."""
    made: list[Service] = []

    def make(port: int, limits: Mapping[str, Any] | None = None, **settings: Any) -> Service:
        upstream = ("127.0.0.1", port, "proxy", SECRET)
        made.append(Service(tmp_path, upstream, USERS, limits={**LIMITS, **(limits or {})}, **settings))
        return made[-1]

    yield make
    for service in made:
        service.kill()
        said = service.stderr if (service.directory / "stderr").exists() else ""
        assert "Traceback" not in said, said
        assert SECRET not in said
        assert not [word for word in PASSWORDS.values() if f'"{word}"' in said]


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service]) -> Service:
    """The proxy, up and linked to the simulator."""
    built = make_service(simulator.port)
    await built.start_up()
    await built.linked()
    return built


@pytest.fixture
def nowhere() -> int:
    """A port on which nothing listens."""
    return free_port()
