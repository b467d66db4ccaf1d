"""Where the keyboard's focus is in the page of a real service, in a real browser."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from amiproxy.tools.simulator import Simulator
from tests.e2e.test_nothing_of_a_user_stays_in_the_page import holds, opened
from tests.e2e.test_the_page_is_served_by_the_process import started
from tests.support.browser import Browser, Page, chromium
from tests.support.service import PASSWORDS, Service


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    (tmp_path / "chromium").mkdir()
    async with chromium(tmp_path / "chromium") as found:
        yield found


async def press(page: Page, key: str, code: int, text: str = "") -> None:
    for kind in ("keyDown", "keyUp"):
        typed = {"text": text} if text and kind == "keyDown" else {}
        await page.ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed)


async def test_the_form_can_be_filled_in_at_once_and_again_after_a_logout(
    simulator: Simulator, make_service: Callable[..., Service], browser: Browser
) -> None:
    _, port = await started(simulator, make_service)
    page = await opened(browser, port)
    await holds(page, "document.activeElement.id === 'login-name'")
    await page.ask("Input.insertText", text="boss")
    await press(page, "Tab", 9)
    await page.ask("Input.insertText", text=PASSWORDS["boss"])
    await press(page, "Enter", 13, "\r")
    await holds(page, "document.body.dataset.ready === 'yes' && document.activeElement.id === 'main'")
    await page.run("document.querySelector('[data-field=logout]').click()")
    await holds(page, "document.activeElement.id === 'login-name'")
