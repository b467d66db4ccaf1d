"""A listener with ``door: http`` and its clients."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from amiproxy.core.model.limits import Limits
from tests.support.http_peer import HttpHouse
from tests.support.tls_door import Contexts, contexts


@pytest.fixture(scope="session")
def both() -> Contexts:
    return contexts()


@pytest.fixture
async def house(both: Contexts, request: pytest.FixtureRequest) -> AsyncIterator[HttpHouse]:
    """Its parameters are those of ``with_``."""
    wanted: tuple[Limits, dict[str, Any]] = getattr(request, "param", (Limits(), {}))
    built = HttpHouse(both, wanted[0], **wanted[1])
    built.listen()
    yield built
    built.close()
    assert built.pool.open == 0
    assert built.pool.backlog.size == 0
