"""Who may look, what they see, and that they see nothing any more once they may not."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests.asterisk.page.board import Board, come_true
from tests.asterisk.page.centre import Calls, Centre
from tests.asterisk.page.conftest import Opener
from tests.asterisk.page.native import Native, agree, call_differences, queue_differences
from tests.asterisk.page.proxy import SECRET, PageProxy
from tests.support.proxy_process import hashed
from tests.support.tls_wrapper import tls_wrapped

Change = Callable[[dict[str, Any]], None]


async def refused(board: Board) -> str:
    """Wait for the answer to a login that fails; what it says."""
    await board.shows("#login [data-field=error]")

    async def said() -> str:
        return (await board.text("#login [data-field=error]")).strip()

    text: str = await come_true(said)
    return text


async def cookies(board: Board) -> list[str]:
    found = await board.page.ask("Network.getCookies")
    return [cookie["name"] for cookie in found["cookies"]]


async def test_login_and_logout_by_keyboard(shared: PageProxy, native: Native, opened: Opener) -> None:
    board = await opened(shared.url)
    await board.log_in("board", SECRET)
    await board.has_rows("queues")
    assert "board" in await board.text("#top")
    await agree(lambda: queue_differences(board, native))
    assert await cookies(board) == ["__Host-amiproxy_session"]
    # The session is the browser's, not the page's: it is still there after a reload.
    await board.page.go(board.url, bypasses_csp=False)
    await board.has_rows("queues")
    await board.tab_to("[data-field=logout]")
    await board.press("Enter")
    await board.shows("#login form")
    assert not await board.rows("queues")
    assert await board.run("document.querySelectorAll('[data-key]').length") == 0
    assert await cookies(board) == []
    await board.page.go(board.url, bypasses_csp=False)
    await board.shows("#login form")


async def test_a_wrong_secret_and_a_user_without_the_door_are_told_the_same(
    shared: PageProxy, opened: Opener
) -> None:
    board = await opened(shared.url)
    said = []
    for user, secret in (("board", "wrong"), ("script", SECRET), ("nobody", SECRET)):
        await board.log_in(user, secret)
        said.append(await refused(board))
        await board.page.go(board.url, bypasses_csp=False)
    assert len(set(said)) == 1
    assert said[0]
    assert await cookies(board) == []
    # It is no reason to refuse the right one.
    await board.log_in("board", SECRET)
    await board.has_rows("queues")


async def test_after_a_wrong_secret_another_can_be_typed_at_once(shared: PageProxy, opened: Opener) -> None:
    board = await opened(shared.url)
    await board.log_in("board", "wrong")
    await refused(board)
    await board.picture("login-refused")
    assert await board.run("document.querySelector('#login input[type=password]').value") == ""
    await board.log_in("board", SECRET)
    await board.has_rows("queues")


def disable(users: dict[str, Any]) -> None:
    users["board"]["disabled"] = True


def other_secret(users: dict[str, Any]) -> None:
    users["board"]["secret"] = hashed("another secret of 22 letters")


def no_door(users: dict[str, Any]) -> None:
    users["board"]["doors"] = ["ami"]


def removed(users: dict[str, Any]) -> None:
    del users["board"]


@pytest.mark.parametrize("change", [disable, other_secret, no_door, removed])
async def test_a_session_ends_at_once_with_the_right_to_it(
    proxy: PageProxy, calls: Calls, opened: Opener, change: Change
) -> None:
    board = await opened(proxy.url, "board")
    await calls.call("queue-night", "Somebody")
    for view in ("agents", "calls"):
        await board.go(f"#{view}")
        await board.has_rows(view)
    assert "Somebody" in await board.run("document.documentElement.innerHTML")
    await asyncio.to_thread(proxy.change_users, change)
    await board.shows("#login form", within=3)
    # Not hidden, but gone.
    assert "Somebody" not in await board.run("document.documentElement.innerHTML")
    assert await board.run("document.querySelectorAll('[data-key]').length") == 0
    assert await board.text("#login")
    await board.log_in("board", SECRET)
    await refused(board)


async def test_what_a_user_may_not_see_any_more_is_gone_at_once(
    proxy: PageProxy, calls: Calls, opened: Opener
) -> None:
    board = await opened(proxy.url, "board", "#agents")
    await calls.call("queue-night", "Somebody")
    await board.has_rows("agents")
    await board.go("#queues")
    await board.has_rows("queues")

    def narrow(users: dict[str, Any]) -> None:
        users["board"]["read"] = ["call"]

    await asyncio.to_thread(proxy.change_users, narrow)
    await board.hides("[data-table=queues]", within=3)
    if await board.is_shown("#login form"):
        await board.log_in("board", SECRET)
    for view in ("agents", "queues"):
        await board.go(f"#{view}")
        await board.shows(f"#{view} .notice")
        assert "“agent”" in await board.text(f"#{view} .notice")
        assert not await board.is_shown(f"[data-table={view}]")
    assert await board.run("document.querySelectorAll('#queues [data-key], #agents [data-key]').length") == 0
    # What is not known is not shown as nothing.
    figures = await board.figures()
    assert not any(figures[field][:1].isdigit() for field in ("waiting", "free", "completed", "abandoned"))
    await board.go("#calls")
    (row,) = await board.has_rows("calls")
    assert row["cells"]["from"]["text"] == "Somebody"


async def test_a_scope_is_respected(
    shared: PageProxy, calls: Calls, centre: Centre, native: Native, opened: Opener
) -> None:
    board = await opened(shared.url, "narrow", "#calls")
    other = await opened(shared.url, "board", "#calls")
    await calls.call("dial-eva", "Foreign")
    await calls.call("dial-bob", "Own")
    await calls.call("queue-night", "Distant")
    await agree(lambda: call_differences(other, native))
    rows = await board.has_rows("calls")
    assert [row["cells"]["from"]["text"] for row in rows] == ["Own"]
    for view in ("#queues", "#agents", "#lines", "#calls"):
        await board.go(view)
        everything = await board.run("document.documentElement.textContent")
        assert "Foreign" not in everything
        assert "Distant" not in everything


async def test_a_television_is_logged_in_by_its_certificate(
    shared: PageProxy, native: Native, opened: Opener
) -> None:
    there = ssl.create_default_context(cafile=str(shared.cafile))
    shared.ca.issue_cert("kiosk.example").configure_cert(there)
    here = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    here.load_cert_chain(shared.directory / "server.crt", shared.directory / "server.key")
    async with tls_wrapped("localhost", shared.web_port, there, here) as port:
        board = await opened(f"https://localhost:{port}/")
        await board.has_rows("queues")
        await agree(lambda: queue_differences(board, native))
        assert not await board.is_shown("#login form")
        assert await cookies(board) == []
