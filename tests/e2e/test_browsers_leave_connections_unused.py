"""What the log says of the connections that a real browser opens in advance, or leaves unused."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from amiproxy.tools.simulator import Simulator
from tests.e2e.test_nothing_of_a_user_stays_in_the_page import log_in, opened
from tests.e2e.test_the_page_is_served_by_the_process import Browser as Client
from tests.e2e.test_the_page_is_served_by_the_process import started
from tests.support.browser import Browser, chromium
from tests.support.service import Service
from tests.support.waiting import DEADLINE


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    (tmp_path / "chromium").mkdir()
    async with chromium(tmp_path / "chromium") as found:
        yield found


async def test_an_open_page_reaches_no_limit(
    simulator: Simulator, make_service: Callable[..., Service], browser: Browser
) -> None:
    service, port = await started(simulator, make_service)
    form, board, boss = await opened(browser, port), await opened(browser, port), Client(service, port)
    await log_in(board, "boss")
    links = "[0, 1, 2, 3, 4, 5].map(() => Object.assign(document.createElement('link'), {rel: 'preconnect'"
    await form.run(f"document.head.append(...{links}, href: {json.dumps(f'https://localhost:{port}')}}})))")
    # The time of this connection, on which nothing is asked either, is over last.
    reader, writer = await asyncio.open_connection("localhost", port, ssl=service.context)
    async with asyncio.timeout(DEADLINE * 2):
        assert await reader.read() == b""
    writer.close()
    await boss.log_in("boss")
    _, denials = await boss.ask("GET", "denials")
    assert "limit" not in json.dumps(denials), denials
    assert "limit-hit" not in service.stderr
    assert "penalty" not in service.stderr
