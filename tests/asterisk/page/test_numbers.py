"""Every number on the board is what Asterisk's own lists say at that moment."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.asterisk.page.board import Board, come_true
from tests.asterisk.page.centre import Calls, Centre
from tests.asterisk.page.conftest import Opener
from tests.asterisk.page.native import (
    Native,
    agent_differences,
    agree,
    call_differences,
    line_differences,
    queue_differences,
    total_differences,
)
from tests.asterisk.page.proxy import PageProxy
from tests.support.ami_client import AmiClient

Differences = Callable[[Board, Native], Awaitable[list[str]]]
#: Each view, and what it must not differ in.
VIEWS: dict[str, tuple[Differences, ...]] = {
    "#queues": (queue_differences, total_differences),
    "#calls": (call_differences,),
    "#agents": (agent_differences,),
    "#lines": (line_differences,),
}


async def all_agree(board: Board, native: Native) -> None:
    for view, functions in VIEWS.items():
        await board.go(view)
        for differences in functions:
            await agree(lambda differences=differences: differences(board, native))


async def test_a_board_that_is_opened_shows_what_there_is(
    shared: PageProxy, calls: Calls, centre: Centre, native: Native, opened: Opener
) -> None:
    await calls.fill(centre.desks)
    board = await opened(shared.url, "board")
    await all_agree(board, native)
    for view in VIEWS:
        await board.go(view)
        await board.shows("[data-table]")
        await board.picture(f"board{view.replace('#', '-')}")


async def test_a_board_that_is_open_follows_what_happens(
    shared: PageProxy, calls: Calls, centre: Centre, native: Native, acting: AmiClient, opened: Opener
) -> None:
    board = await opened(shared.url, "board")
    await board.shows("[data-table=queues]")
    await calls.fill(centre.desks)
    await all_agree(board, native)
    # Everybody is served, in another place, or gone.
    centre.desks["dora"].answers = "at once"
    centre.asterisk.cli("devstate change Custom:lamp RINGING")
    await acting.action("QueuePause", Interface="PJSIP/bob", Paused="false")
    for name in ("Zoë", "Straight", "Parked", "Chair"):
        (channel, *_) = [one for one in await calls.channels() if one.get("CallerIDName") == name]
        await calls.hang_up(str(channel.get("Channel")))
    await all_agree(board, native)
    centre.asterisk.cli("devstate change Custom:lamp NOT_INUSE")
    await calls.end_all()
    await all_agree(board, native)


async def test_a_view_that_is_opened_never_shows_old_figures(
    shared: PageProxy, calls: Calls, opened: Opener
) -> None:
    board = await opened(shared.url, "board", "#queues")
    await board.has_rows("queues")
    await board.go("#calls")
    await calls.call("queue-night", "Waiting")

    async def is_counted() -> bool:
        return (await board.figures())["waiting"] == "1"

    await come_true(is_counted)
    # Read in the same task that shows the view: the page has not been painted yet.
    shown = await board.run("""
        new Promise((done) => {
          addEventListener("hashchange", () => {
            const rows = [...document.querySelectorAll("[data-table=queues] > tbody > [data-key]")];
            const night = rows.find((row) => row.textContent.includes("night"));
            done([night.checkVisibility(), night.querySelector("[data-field=waiting] bdi").textContent]);
          }, { once: true });
          location.hash = "#queues";
        })
    """)
    assert shown == [True, "1"]


async def test_times_go_on_by_the_server_s_clock(
    shared: PageProxy, calls: Calls, native: Native, opened: Opener
) -> None:
    board = await opened(shared.url, "board")
    await calls.call("queue-night", "Waiting")
    shown: list[str] = []

    async def ticks() -> bool:
        await agree(lambda: queue_differences(board, native))
        text = next(
            row["cells"]["longest"]["text"]
            for row in await board.rows("queues")
            if row["cells"]["name"]["text"] == "night"
        )
        if not shown or shown[-1] != text:
            shown.append(text)
        return len(shown) > 3

    await come_true(ticks)
    assert shown == sorted(shown)


async def test_the_browser_s_own_clock_does_not_matter(
    shared: PageProxy, calls: Calls, native: Native, opened: Opener
) -> None:
    board = await opened(shared.url)
    script = "{ const now = Date.now; Date.now = () => now() + 3.6e6; }"
    await board.page.ask("Page.addScriptToEvaluateOnNewDocument", source=script)
    await board.page.go(shared.url, bypasses_csp=False)
    await board.log_in("board", "a-secret-of-22-letters")
    await calls.call("queue-night", "Waiting")
    await agree(lambda: queue_differences(board, native))
    await board.go("#calls")
    await agree(lambda: call_differences(board, native))


async def test_a_call_that_takes_every_way_is_one_call(
    shared: PageProxy, calls: Calls, acting: AmiClient, native: Native, opened: Opener
) -> None:
    board = await opened(shared.url, "board", "#calls")
    channel = await calls.start("dial-eva", "Traveller")
    await agree(lambda: call_differences(board, native))
    for exten in ("local-eva", "queue-night", "conf-1", "park", "dial-bob"):
        await acting.action("Redirect", Channel=channel, Context="page", Exten=exten, Priority="1")
        await asyncio.sleep(0)
        await agree(lambda: call_differences(board, native))
    assert len(await board.rows("calls")) == 1


async def test_a_call_counts_although_its_member_was_removed(
    shared: PageProxy, calls: Calls, acting: AmiClient, native: Native, opened: Opener
) -> None:
    """One board has seen the call begin, the other has not."""
    board = await opened(shared.url, "board")
    member = {"Queue": "night", "Interface": "PJSIP/eva"}
    await acting.action("QueueAdd", MemberName="Eva", **member)
    completed = await calls.counter("night", "Completed")
    channel = await calls.start("queue-night", "Served")

    async def talks() -> bool:
        listed = await native.items("QueueStatus", Queue="night")
        return any(one.event == "QueueMember" and one.get("InCall") == "1" for one in listed)

    await come_true(talks)
    late = await opened(shared.url, "board")
    await late.shows("[data-table=queues]")
    await acting.action("QueueRemove", **member)
    await calls.hang_up(channel)
    await calls.until_counter("night", "Completed", completed + 1)
    for one in (board, late):
        await agree(lambda one=one: queue_differences(one, native))
