"""What a browser has of a user of the page when its session has ended, or when another user has come."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from amiproxy.tools.simulator import Simulator
from tests.e2e.test_the_page_is_served_by_the_process import Browser as Client
from tests.e2e.test_the_page_is_served_by_the_process import started
from tests.support.browser import Browser, Page, chromium
from tests.support.service import PASSWORDS, Service
from tests.support.waiting import DEADLINE

#: Everything that can be read in the document, in fields as well.
READABLE = (
    "document.body.textContent + [...document.querySelectorAll('input')].map((one) => one.value).join()"
)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    (tmp_path / "chromium").mkdir()
    async with chromium(tmp_path / "chromium") as found:
        yield found


async def opened(browser: Browser, port: int) -> Page:
    page = await browser.page()
    await page.go(f"https://localhost:{port}/", bypasses_csp=False)
    return page


async def holds(page: Page, expression: str) -> None:
    """Wait until this is true in the page."""
    async with asyncio.timeout(DEADLINE * 2):
        while not await page.run(f"Boolean({expression})"):  # noqa: ASYNC110 - a page that reloads tells nobody
            await asyncio.sleep(0.02)


async def log_in(page: Page, user: str) -> None:
    await holds(page, "document.body.dataset.view === 'login'")
    await page.run(
        f"document.getElementById('login-name').value = {json.dumps(user)};"
        f"document.getElementById('login-secret').value = {json.dumps(PASSWORDS[user])};"
        "document.querySelector('#login button').click()"
    )
    await holds(page, "document.body.dataset.ready === 'yes'")


async def look(page: Page) -> None:
    """Look at the status, begin to end the service, and search for a caller."""
    await page.run(
        "document.getElementById('find-calls').value = '5550123';"
        "document.getElementById('find-calls').dispatchEvent(new Event('input'));"
        "location.hash = '#status'"
    )
    await holds(page, "document.querySelector('[data-table=sessions] tbody tr')")
    await page.run("document.querySelector('[data-do=ask-drain]').click()")
    await holds(page, "document.querySelector('dialog[open]')")


async def test_after_the_end_of_a_session_there_is_only_the_login(
    simulator: Simulator, make_service: Callable[..., Service], browser: Browser
) -> None:
    _, port = await started(simulator, make_service)
    page = await opened(browser, port)
    await log_in(page, "boss")
    await look(page)
    assert await page.run("fetch('page/api/session', {method: 'DELETE'}).then((it) => it.status)") == 204
    await holds(page, "document.body.dataset.session === 'out'")
    assert await page.run("document.querySelector('dialog') === null")
    readable = await page.run(READABLE)
    assert "boss" not in readable
    assert "5550123" not in readable
    assert await page.run("[...document.querySelectorAll('#tabs .count')].every((one) => !one.textContent)")


async def test_another_user_sees_nothing_of_the_one_before(
    simulator: Simulator, make_service: Callable[..., Service], browser: Browser
) -> None:
    service, port = await started(simulator, make_service)
    page, boss = await opened(browser, port), Client(service, port)
    await log_in(page, "boss")
    await look(page)
    body = json.dumps({"username": "caller", "secret": PASSWORDS["caller"]})
    login = (
        "fetch('page/api/session', {method: 'POST', headers: {'Content-Type': 'application/json'},"
        f" body: {json.dumps(body)}}}).then((it) => it.status)"
    )
    assert await page.run(login) == 200
    await boss.log_in("boss")
    assert (await boss.ask("POST", "kick", {"target": "user:boss", "confirm": "kick"}))[0] == 200
    await holds(page, "document.querySelector('[data-field=user]').textContent === 'caller'")
    assert await page.run("document.querySelector('dialog') === null")
    assert await page.run("document.getElementById('status').textContent") == ""
    assert "boss" not in await page.run(READABLE)
    await holds(page, "document.body.dataset.ready === 'yes'")


async def test_a_page_that_the_browser_has_kept_shows_nothing_after_a_logout(
    simulator: Simulator, make_service: Callable[..., Service], browser: Browser
) -> None:
    service, port = await started(simulator, make_service)
    page, boss = await opened(browser, port), Client(service, port)
    await log_in(page, "boss")
    await boss.log_in("boss")
    await page.run(
        "addEventListener('pageshow', (event) => {"
        "  if (event.persisted) sessionStorage.setItem('kept', document.body.dataset.ready + "
        + READABLE
        + ");"
        "})"
    )
    start = f"https://localhost:{port}/"
    await page.leave(f"location.assign('{start}livez')", f"{start}livez")
    assert (await boss.ask("POST", "kick", {"target": "user:boss", "confirm": "kick"}))[0] == 200
    await page.leave("history.back()", start)
    await holds(page, "document.body.dataset.session === 'out'")
    kept = await page.run("sessionStorage.getItem('kept')")
    assert "boss" not in kept
    assert kept.startswith("undefined")
