"""Figures that are old never look as if they were true: whatever breaks, and until they are right again."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.asterisk.history.wire import Wire
from tests.asterisk.page.board import Board, come_true
from tests.asterisk.page.centre import Calls, Centre
from tests.asterisk.page.conftest import Opener
from tests.asterisk.page.native import Native, agree, queue_differences
from tests.asterisk.page.proxy import SECRET, PageProxy
from tests.support.ami_client import AmiClient
from tests.support.browser import Browser
from tests.support.cut import Relay

#: The colours of everything in the board that is visible, as they are painted.
_COLOURS = """
[...new Set([...document.querySelectorAll("main *")].filter((it) => it.checkVisibility()).flatMap((it) => {
  const painted = [];
  for (const pseudo of [null, "::before", "::after"]) {
    const style = getComputedStyle(it, pseudo);
    if (pseudo && ["none", "normal"].includes(style.content)) continue;
    painted.push(style.color, style.backgroundColor, style.borderTopColor, style.borderLeftColor, style.fill);
  }
  return painted;
}))]
"""
_FILTERS = """
(() => {
  const found = [];
  for (let it = document.querySelector("[data-table]"); it; it = it.parentElement)
    found.push(getComputedStyle(it).filter);
  return found;
})()
"""


def is_coloured(colour: str) -> bool:
    """Whether a computed colour is more than a tint of grey."""
    numbers = [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?", colour)]
    if colour.startswith(("oklch", "lch")):
        return numbers[1] > 0.05
    if colour.startswith("oklab"):
        return max(abs(number) for number in numbers[1:3]) > 0.05
    scale = 1 if colour.startswith("rgb") else 255
    red, green, blue, *alpha = [
        number * scale if place < 3 else number for place, number in enumerate(numbers)
    ]
    return (not alpha or alpha[0] > 0) and max(red, green, blue) - min(red, green, blue) > 40


async def state_colours(board: Board) -> list[str]:
    """The colours of the board that are not grey."""
    if any("grayscale(1)" in str(one) for one in await board.run(_FILTERS)):
        return []
    return [colour for colour in await board.run(_COLOURS) if is_coloured(colour)]


async def is_stale(board: Board) -> bool:
    return bool(await board.run("'stale' in document.body.dataset"))


async def goes_grey(board: Board, within: float) -> None:
    """Wait until the whole board is grey, under a band that says for how long."""

    async def grey() -> bool:
        return await is_stale(board)

    await come_true(grey, "a grey board", within)
    assert await board.is_shown("#band")
    assert await state_colours(board) == []


async def counts_up(board: Board) -> None:
    """The band says for how long there has been no data, and goes on to say so."""

    async def age() -> int:
        found = re.search(r"\d+(?::\d+)*", await board.text("#band"))
        assert found, await board.text("#band")
        total = 0
        for part in found.group().split(":"):
            total = total * 60 + int(part)
        return total

    first = await age()

    async def later() -> bool:
        return await age() >= first + 2

    await come_true(later, "the band to count")


async def is_right_again(board: Board, native: Native, within: float = 25) -> None:
    async def fresh() -> bool:
        return not await is_stale(board)

    await come_true(fresh, "a board with colours", within)
    await agree(lambda: queue_differences(board, native))
    assert not await board.is_shown("#band")
    assert await state_colours(board)


@pytest.fixture
async def wire(centre: Centre) -> AsyncIterator[Wire]:
    """Between the proxy and Asterisk."""
    async with Wire(centre.asterisk.port) as made:
        yield made


async def test_a_lost_link_makes_the_board_grey_until_its_figures_are_right(
    centre: Centre, wire: Wire, tmp_path: Path, calls: Calls, native: Native, opened: Opener
) -> None:
    proxy = PageProxy(tmp_path, centre.asterisk, wire.port)
    await asyncio.to_thread(proxy.start)
    try:
        board = await opened(proxy.url, "board")
        await calls.call("queue-night", "Before")
        await is_right_again(board, native)
        await wire.cut()
        await goes_grey(board, within=6)
        await counts_up(board)
        await board.picture("stale")
        await calls.end_all()
        await calls.call("queue-night", "Meanwhile")
        await calls.call("queue-night", "Second")
        await wire.mend()
        await is_right_again(board, native)
    finally:
        proxy.kill()


async def test_asterisk_is_stopped_and_started(centre: Centre, proxy: PageProxy, opened: Opener) -> None:
    board = await opened(proxy.url, "watcher")
    await board.has_rows("queues")
    await asyncio.to_thread(centre.asterisk.stop)
    try:
        await goes_grey(board, within=6)
    finally:
        await asyncio.to_thread(centre.asterisk.start)
        await asyncio.to_thread(centre.register)
    asterisk = centre.asterisk
    async with await AmiClient.connect(asterisk.host, asterisk.port) as session:
        await session.login(asterisk.user, asterisk.secret, Events="off")
        await is_right_again(board, Native(session))
        await Calls(session).call("queue-night", "After")
        await agree(lambda: queue_differences(board, Native(session)))
        await Calls(session).end_all()


async def test_the_proxy_is_killed_and_started(
    proxy: PageProxy, calls: Calls, native: Native, opened: Opener
) -> None:
    board = await opened(proxy.url, "board")
    await calls.call("queue-night", "Before")
    await is_right_again(board, native)
    proxy.kill()
    await goes_grey(board, within=5)
    assert await board.has_rows("queues")
    await calls.call("queue-night", "Meanwhile")
    await asyncio.to_thread(proxy.start)
    # Sessions of the web do not outlive the process.
    await board.log_in("board", SECRET)
    await is_right_again(board, native)


async def test_a_proxy_that_says_nothing_any_more_is_noticed(
    proxy: PageProxy, native: Native, opened: Opener
) -> None:
    board = await opened(proxy.url, "board")
    await is_right_again(board, native)
    proxy.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    await goes_grey(board, within=11)
    assert time.monotonic() - stopped > 2
    await counts_up(board)
    proxy.signal(signal.SIGCONT)
    await is_right_again(board, native)


async def test_a_cut_socket_is_resumed_without_a_flash_of_nothing(
    shared: PageProxy, calls: Calls, native: Native, opened: Opener
) -> None:
    async with Relay(shared.web_port) as relay:
        board = await opened(f"https://localhost:{relay.port}/", "board")
        await calls.call("queue-night", "Before")
        await is_right_again(board, native)
        # The least number of rows, and the texts of the body's class, that were there at any frame.
        await board.run("""
            window.seen = { rows: Infinity, stale: 0 };
            void (function look() {
              const rows = document.querySelectorAll("[data-table=queues] > tbody > tr");
              seen.rows = Math.min(seen.rows, rows.length);
              if ("stale" in document.body.dataset) seen.stale += 1;
              requestAnimationFrame(look);
            })();
        """)
        for number in range(3):
            before = relay.connections
            assert relay.cut()
            await calls.call("queue-night", f"Meanwhile {number}")
            await agree(lambda: queue_differences(board, native))
            assert relay.connections > before
        seen = await board.run("seen")
        assert seen["rows"] == 3
        assert seen["stale"] == 0


async def test_of_two_servers_only_the_one_that_is_down_is_grey(
    centre: Centre, wire: Wire, tmp_path: Path, calls: Calls, native: Native, browser: Browser, opened: Opener
) -> None:
    asterisk = centre.asterisk
    servers = {
        name: {
            "host": asterisk.host,
            "port": port,
            "username": asterisk.user,
            "secret_file": "upstream.secret",
        }
        for name, port in (("east", asterisk.port), ("west", wire.port))
    }
    proxy = PageProxy(tmp_path, asterisk, servers=servers)
    await asyncio.to_thread(proxy.start)
    try:
        board = await opened(proxy.url, "board")

        async def servers_shown() -> bool:
            return {row["cells"]["name"]["aside"] for row in await board.rows("queues")} == {"east", "west"}

        await come_true(servers_shown)
        await wire.cut()

        async def stale() -> set[str]:
            return {row["cells"]["name"]["aside"] for row in await board.rows("queues") if row["stale"]}

        async def west_only() -> bool:
            return await stale() == {"west"}

        await come_true(west_only)
        assert not await is_stale(board)
        assert "west" in await board.text("#band")
        assert "east" not in await board.text("#band")
        await board.picture("one-of-two-is-down")
        await calls.call("queue-night", "Meanwhile")

        async def east_is_true() -> bool:
            waiting = {
                row["cells"]["name"]["aside"]: row["cells"]["waiting"]["text"]
                for row in await board.rows("queues")
                if row["cells"]["name"]["text"] == "night"
            }
            return waiting["east"] == "1"

        await come_true(east_is_true)
        await wire.mend()

        async def all_true() -> bool:
            waiting = {
                row["cells"]["waiting"]["text"]
                for row in await board.rows("queues")
                if row["cells"]["name"]["text"] == "night"
            }
            return not await stale() and waiting == {"1"}

        await come_true(all_true)
        assert not await board.is_shown("#band")
    finally:
        proxy.kill()
