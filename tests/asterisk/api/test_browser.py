"""Pages in Chromium: fetch and EventSource with a cookie, after a cut, and from another site."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.asterisk.api.conftest import SECRET, ApiProxy
from tests.support.browser import Browser, Page, chromium
from tests.support.cut import Relay

LOGIN = """
fetch("/api/v1/session", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ username: "oper", secret: "%s" }),
}).then((answer) => answer.status)
"""
#: Keeps what comes in ``seen``: the names of named events, and the numbers of the user events.
FOLLOW = """
window.seen = [];
window.source = new EventSource("/api/v1/events?classes=user&kinds=queues");
for (const name of ["snapshot", "resumed", "link", "lost"])
  source.addEventListener(name, () => seen.push(name));
source.onmessage = ({ data }) => seen.push(JSON.parse(data).data.Number);
"""
#: What a page of another site can send without the browser asking first.
FOREIGN = """
fetch("%s/api/v1/log-level", {
  method: "POST", mode: "no-cors", credentials: "include",
  headers: { "Content-Type": "text/plain" },
  body: JSON.stringify({ level: "debug", confirm: "log-level" }),
}).then((answer) => answer.type, () => "failed")
"""


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with chromium(tmp_path) as found:
        yield found


async def sees(page: Page, expected: list[str]) -> None:
    found: Any = None
    async with asyncio.timeout(30):
        while found != expected:
            found = await page.run("seen")
            await asyncio.sleep(0.05)


async def user_event(oper: httpx.Client, number: int) -> None:
    headers = {"UserEvent": "Counted", "Number": number}
    answer = await asyncio.to_thread(oper.post, "/actions/UserEvent", json=headers)
    assert answer.status_code == 200


async def log_level(oper: httpx.Client) -> str:
    status = await asyncio.to_thread(oper.get, "/status")
    level: str = status.json()["log_level"]
    return level


async def test_a_page_goes_on_after_a_cut_with_what_it_has_missed(
    proxy: ApiProxy, oper: httpx.Client, browser: Browser
) -> None:
    relay = Relay(proxy.http_port)
    async with relay:
        page = await browser.page()
        await page.go(f"https://localhost:{relay.port}/livez")
        assert await page.run(LOGIN % SECRET) == 200
        await page.run(FOLLOW)
        await sees(page, ["snapshot"])
        await user_event(oper, 1)
        await sees(page, ["snapshot", "1"])
        relay.cut()
        await user_event(oper, 2)
        await sees(page, ["snapshot", "1", "resumed", "2"])
        await user_event(oper, 3)
        await sees(page, ["snapshot", "1", "resumed", "2", "3"])


async def test_a_page_of_another_site_changes_nothing(
    proxy: ApiProxy, oper: httpx.Client, browser: Browser
) -> None:
    page = await browser.page()
    await page.go(f"{proxy.base}/livez")
    assert await page.run(LOGIN % SECRET) == 200
    before = await log_level(oper)
    await page.go(f"https://127.0.0.1:{proxy.http_port}/livez")
    await page.run(FOREIGN % proxy.base)
    assert await log_level(oper) == before
