"""The page as somebody in front of it uses it: by keyboard and mouse, reading what is shown."""

import asyncio
import base64
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support.browser import Page

#: Seconds that the page may take for what does not have to be at once.
PATIENCE = 20.0
#: Runs before the page's own scripts; ``tell`` is a binding, so what it is given outlives the page.
_WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  tell(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""
#: What is shown of each table: its rows in order, with their texts and data-*.
_ROWS = """
[...document.querySelectorAll(%s)].filter((table) => table.checkVisibility()).flatMap((table) =>
  [...table.querySelectorAll(":scope > [data-key], :scope > tbody > [data-key]")].map((row) => ({
    key: row.dataset.key,
    state: row.dataset.state ?? "",
    level: row.dataset.level ?? "",
    stale: row.dataset.stale ?? "",
    texts: [...row.querySelectorAll("bdi")].map((part) => part.textContent),
    cells: Object.fromEntries([...row.querySelectorAll(":scope > [data-field]")].map((cell) => [
      cell.dataset.field,
      {
        text: cell.querySelector("bdi:not(.aside)").textContent,
        aside: cell.querySelector("bdi.aside")?.textContent ?? "",
        state: cell.dataset.state ?? "",
        level: cell.dataset.level ?? "",
      },
    ])),
  })))
"""
_FIGURES = """
Object.fromEntries([...document.querySelectorAll("#totals [data-field]")].map((box) =>
  [box.dataset.field, box.querySelector("dd").textContent]))
"""
#: Where pictures are kept; none are if it is empty.
_PICTURES = os.environ.get("PICTURES", "")
_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40, "ArrowUp": 38}


def seconds(text: str) -> int | None:
    """The seconds of a duration as the page writes it, such as 0:07 or 3:04:05; None for a dash."""
    if not text[:1].isdigit():
        return None
    total = 0
    for part in text.split(":"):
        total = total * 60 + int(part)
    return total


async def come_true(
    condition: Callable[[], Awaitable[object]], what: object = "", within: float = PATIENCE
) -> Any:
    """The first true value; AssertionError if there is none in time."""
    give_up = time.monotonic() + within
    while not (found := await condition()):
        assert time.monotonic() < give_up, f"waited {within} s in vain: {what() if callable(what) else what}"
        await asyncio.sleep(0.05)
    return found


def _keep(name: str, picture: str) -> None:
    folder = Path(_PICTURES)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(base64.b64decode(picture))


class Board:
    """One page at ``url``."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    async def open(self, view: str = "", *, width: int = 1280, height: int = 1000) -> None:
        """Go there.  What its content security policy forbids, it must not do: see ``faults``."""
        await self.size(width, height)
        for domain in ("Page", "Runtime", "Log"):
            await self.page.ask(f"{domain}.enable")
        await self.page.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        await self.page.ask("Runtime.addBinding", name="tell")
        await self.page.ask("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
        await self.page.go(f"{self.url}{view}", bypasses_csp=False)

    async def size(self, width: int, height: int = 1000) -> None:
        await self.page.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def scheme(self, name: str) -> None:
        """Prefer ``light`` or ``dark``."""
        await self.page.ask(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}]
        )

    async def run(self, script: str) -> Any:
        return await self.page.run(script)

    # -- the person in front of it -----------------------------------------

    async def press(self, key: str, *, shift: bool = False) -> None:
        code = {" ": "Space"}.get(key, key)
        text = {"Enter": "\r", " ": " "}.get(key, "")
        common = {
            "key": key,
            "code": code,
            "windowsVirtualKeyCode": _KEYS[key],
            "modifiers": 8 if shift else 0,
        }
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        await self.page.ask("Input.dispatchKeyEvent", **down, **common)
        await self.page.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    async def type(self, text: str) -> None:
        await self.page.ask("Input.insertText", text=text)

    async def tab_to(self, selector: str, most: int = 60) -> None:
        """Press Tab until an element has the focus."""
        for _ in range(most):
            if await self.run(f"document.activeElement?.matches({json.dumps(selector)}) ?? false"):
                return
            await self.press("Tab")
        raise AssertionError(f"Tab never reaches {selector}")

    async def log_in(self, user: str, secret: str) -> None:
        """Fill the form by keyboard alone."""
        await self.shows("#login form")
        await self.tab_to("#login input[autocomplete=username]")
        await self.run("document.activeElement.select()")
        await self.type(user)
        await self.press("Tab")
        assert await self.run("document.activeElement.type") == "password"
        await self.type(secret)
        await self.press("Enter")

    async def go(self, view: str) -> None:
        """Change to another view, as a link does."""
        await self.run(f"void (location.hash = {json.dumps(view)})")

    # -- what is shown -----------------------------------------------------

    async def is_shown(self, selector: str) -> bool:
        """Whether an element is there and visible."""
        script = f"[...document.querySelectorAll({json.dumps(selector)})].some((it) => it.checkVisibility())"
        return bool(await self.run(script))

    async def shows(self, selector: str, within: float = PATIENCE) -> None:
        async def is_shown() -> bool:
            return await self.is_shown(selector)

        await come_true(is_shown, selector, within)

    async def hides(self, selector: str, within: float = PATIENCE) -> None:
        async def is_hidden() -> bool:
            return not await self.is_shown(selector)

        await come_true(is_hidden, selector, within)

    async def text(self, selector: str = "body") -> str:
        """The text that is visible."""
        script = f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"
        return str(await self.run(script))

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table that is shown."""
        found: list[dict[str, Any]] = await self.run(_ROWS % json.dumps(f"[data-table={table}]"))
        return found

    async def figures(self) -> dict[str, str]:
        """The line of totals."""
        found: dict[str, str] = await self.run(_FIGURES)
        return found

    async def has_rows(self, table: str, within: float = PATIENCE) -> list[dict[str, Any]]:
        async def there() -> list[dict[str, Any]]:
            return await self.rows(table)

        found: list[dict[str, Any]] = await come_true(there, f"rows of {table}", within)
        return found

    async def overflow(self) -> int:
        """By how many pixels the document is wider than the window."""
        return int(await self.run("document.documentElement.scrollWidth - innerWidth"))

    def faults(self) -> list[str]:
        """What the content security policy has stopped, errors of scripts, and what they say is an error."""
        violations = [one["payload"] for one in self.page.events("Runtime.bindingCalled")]
        thrown = [
            str(one["exceptionDetails"].get("exception", {}).get("description", one))
            for one in self.page.events("Runtime.exceptionThrown")
        ]
        # Chromium itself reports requests that fail, such as one while the proxy is down, as of "network".
        logged = [
            f"{one['entry']['source']}: {one['entry']['text']}"
            for one in self.page.events("Log.entryAdded")
            if one["entry"]["level"] == "error" and one["entry"]["source"] != "network"
        ]
        said = [
            str(one["args"])
            for one in self.page.events("Runtime.consoleAPICalled")
            if one["type"] in {"error", "assert"}
        ]
        return violations + thrown + logged + said

    async def picture(self, name: str) -> None:
        """Keep what it looks like, if PICTURES names a folder."""
        if _PICTURES:
            taken = await self.page.ask("Page.captureScreenshot", format="png")
            _keep(name, taken["data"])
