"""Pages in Chromium: who may open a WebSocket, and the example of deploy/clients.md."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.asterisk.history.flows import Flows, listed, settled
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.websocket.proxy import SECRET, SocketProxy
from tests.deploy.pages import blocks
from tests.support.ami_client import AmiClient
from tests.support.browser import Browser, Page, chromium
from tests.support.cut import Relay
from tests.support.waiting import until

#: Opens a WebSocket; returns the type of its first message, or the code with which it was closed.
OPEN = """
new Promise((found) => {
  const socket = new WebSocket(%s);
  socket.onmessage = ({ data }) => { found(JSON.parse(data).type); socket.close(); };
  socket.onclose = ({ code }) => found(code);
})
"""
#: Logs in, as a page does; the cookie is set.
LOGIN = """
fetch("/api/v1/session", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ username: "page", secret: "%s" }),
}).then((answer) => answer.status)
"""


@pytest.fixture
def proxy(pbx: Asterisk, tmp_path: Path) -> Iterator[SocketProxy]:
    proxy = SocketProxy(tmp_path, pbx, "api")
    proxy.start(linked=True)
    try:
        yield proxy
        proxy.stop()
    finally:
        proxy.kill()


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    (tmp_path / "chromium").mkdir()
    async with chromium(tmp_path / "chromium") as found:
        yield found


async def opened(page: Page, url: str) -> object:
    return await page.run(OPEN % json.dumps(url))


async def test_a_page_opens_sockets_with_its_cookie_or_a_ticket_and_others_only_with_a_ticket(
    proxy: SocketProxy, browser: Browser
) -> None:
    ours = f"localhost:{proxy.web_port}"
    page = await browser.page()
    await page.go(f"https://{ours}/livez")
    assert await opened(page, f"wss://{ours}/ws") == "login_required"
    assert await page.run(LOGIN % SECRET) == 200
    assert await opened(page, f"wss://{ours}/ws") == "hello"
    ticket = "fetch('/api/v1/tickets', {method: 'POST'}).then((it) => it.json()).then((it) => it.ticket)"
    first, second = await page.run(ticket), await page.run(ticket)
    assert await opened(page, f"wss://{ours}/ws?ticket={first}") == "hello"
    assert await opened(page, f"wss://{ours}/ws?ticket={first}") == 1006
    # Another site: the same machine by another name.  SameSite keeps the cookie from its requests; if a
    # browser sends it all the same, its origin is refused.
    await page.go(f"https://127.0.0.1:{proxy.web_port}/livez")
    assert await opened(page, f"wss://{ours}/ws") in ("login_required", 1006)
    assert await opened(page, f"wss://{ours}/ws?ticket={second}") == "hello"


async def test_a_page_of_another_port_is_refused_although_the_browser_sends_the_cookie(
    proxy: SocketProxy, browser: Browser
) -> None:
    # Cookies do not know ports, and SameSite does not either.
    url = f"wss://localhost:{proxy.web_port}/ws"
    async with Relay(proxy.web_port) as other:
        page = await browser.page()
        await page.go(f"https://localhost:{proxy.web_port}/livez")
        assert await page.run(LOGIN % SECRET) == 200
        await page.go(f"https://localhost:{other.port}/livez")
        assert await opened(page, f"wss://localhost:{other.port}/ws") == "hello"
        assert await opened(page, url) == 1006
        await page.go(f"https://localhost:{proxy.web_port}/livez")
        assert await opened(page, url) == "hello"


async def test_the_example_shows_what_there_is_whatever_is_cut(
    proxy: SocketProxy, browser: Browser, acting: AmiClient
) -> None:
    [example] = [block.text for block in blocks("deploy/clients.md") if block.info == "js browser"]
    flows = Flows(acting, 7)
    for _ in range(10):
        await flows.step()
    async with Relay(proxy.web_port) as relay:
        page = await browser.page()
        await page.go(f"https://localhost:{relay.port}/livez")
        assert await page.run(LOGIN % SECRET) == 200
        await page.run("document.body.innerHTML = '<pre id=channels></pre>'")
        await page.run(f"void eval({json.dumps(example)})")

        async def differences() -> list[str]:
            shown = str(await page.run("document.querySelector('#channels').textContent")).split("\n")
            there = [item["Channel"] for item in await listed(acting) if item["Event"] == "CoreShowChannel"]
            return [] if sorted(filter(None, shown)) == sorted(there) else [f"{shown} {there}"]

        assert not await settled(differences)
        for step in range(24):
            await flows.step()
            if step % 6 == 0:
                await until(relay.cut, within=20)
        assert not await settled(differences)
        await flows.end_all()
        assert not await settled(differences)
        assert relay.connections > 4
        log = [line for line in proxy.stderr.splitlines() if " session-open " in line and "door=ws" in line]
        assert len(log) >= 2
