"""Debian's Chromium without a window, driven by its DevTools protocol."""

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.requirements import give_up
from tests.support.waiting import DEADLINE, wait_until

_LOADED = (
    "new Promise((go) => document.readyState === 'complete' ? go() : addEventListener('load', () => go()))"
)


class Page:
    """One page, with cookies of its own."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser = browser
        self._session = session

    async def go(self, url: str, *, bypasses_csp: bool = True) -> None:
        """Load this page; unless told otherwise, its content security policy does not count in it."""
        await self.ask("Page.enable")
        await self.ask("Page.setBypassCSP", enabled=bypasses_csp)
        answer = await self.ask("Page.navigate", url=url)
        assert "errorText" not in answer, answer
        await self.run(_LOADED)

    async def run(self, script: str) -> Any:
        """What the expression returns, or the promise that it is."""
        answer = await self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def leave(self, script: str, start: str) -> None:
        """Run what makes the page go elsewhere, and wait until that, which begins so, is loaded."""
        seen = len(self._browser.events)
        await self.run(script)

        def has_gone() -> bool:
            return any(
                event["method"] == "Page.frameNavigated"
                and event.get("sessionId") == self._session
                and event["params"]["frame"]["url"].startswith(start)
                for event in self._browser.events[seen:]
            )

        async with asyncio.timeout(DEADLINE * 2):
            while not has_gone():
                await self._browser.ask("Browser.getVersion")  # reads events
                await asyncio.sleep(0.02)
        await self.run(_LOADED)

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._browser.ask(method, self._session, **params)

    def events(self, method: str) -> list[dict[str, Any]]:
        """The parameters of the events of this name that it has sent so far."""
        return [
            event["params"]
            for event in self._browser.events
            if event["method"] == method and event.get("sessionId") == self._session
        ]


#: Makes the command that answers an event, of the event's parameters.
Reaction = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]


class Browser:
    """A running browser.  ``events`` are those that came, as they are.

    ``reactions`` are commands that are sent at once when an event of this name comes.
    """

    def __init__(self, devtools: ClientConnection) -> None:
        self._devtools = devtools
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self.reactions: dict[str, Reaction] = {}

    async def ask(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        number = await self._send(method, session, params)
        async with asyncio.timeout(DEADLINE * 2):
            while (answer := json.loads(await self._devtools.recv())).get("id") != number:
                if "method" in answer:
                    await self._take(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def _send(self, method: str, session: str, params: dict[str, Any]) -> int:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        await self._devtools.send(json.dumps(message))
        return number

    async def _take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event["method"] in self.reactions:
            method, answer = self.reactions[event["method"]](event["params"])
            await self._send(method, event.get("sessionId", ""), answer)

    async def page(self) -> Page:
        """A new page that shares nothing with others; it is closed with the connection."""
        context = await self.ask("Target.createBrowserContext", disposeOnDetach=True)
        target = await self.ask(
            "Target.createTarget", url="about:blank", browserContextId=context["browserContextId"]
        )
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        return Page(self, attached["sessionId"])


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Browser]:
    """A new browser that trusts every certificate, with its profile in this folder."""
    with running(folder) as address:
        async with connected(address) as browser:
            yield browser


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The same for several connections: the address of its DevTools."""
    process = _started(folder)
    try:
        written = folder / "DevToolsActivePort"
        wait_until(lambda: written.exists() and written.read_text().count("\n") >= 1, within=60)
        port, path = written.read_text().split("\n")[:2]
        yield f"ws://127.0.0.1:{port}{path}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Browser]:
    """A connection to a browser that runs; the pages that it opens are closed at its end."""
    async with connect(address, max_size=None, proxy=None) as devtools:
        yield Browser(devtools)


def _started(folder: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("chromium")
    if program is None:
        give_up("BROWSER", "there is no chromium: apt-get install chromium")
    options = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--no-first-run",
        "--ignore-certificate-errors",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
    )
    return subprocess.Popen(
        [program, *options, "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
        start_new_session=True,
    )
