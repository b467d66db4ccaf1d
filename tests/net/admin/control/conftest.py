from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.net.admin.control.asking import USERS, Control, serving
from tests.support.live_service import LiveService


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    return LiveService(tmp_path, *USERS)


@pytest.fixture
async def control(service: LiveService, tmp_path: Path) -> AsyncIterator[Control]:
    async with serving(service, tmp_path) as made:
        yield made
