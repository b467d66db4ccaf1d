"""The page for everybody: by keyboard, by screen reader, on a telephone and on a television."""

from typing import Any

import pytest

from tests.asterisk.page.access import WIDTHS, findings
from tests.asterisk.page.board import Board, come_true
from tests.asterisk.page.centre import Calls, Centre
from tests.asterisk.page.conftest import Opener
from tests.asterisk.page.proxy import SECRET, PageProxy

VIEWS = ("#queues", "#calls", "#agents", "#lines", "#status", "#wall")
#: The element that has the focus, and whether one sees that it has.
_FOCUSED = """
(() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const style = getComputedStyle(it);
  const box = it.getBoundingClientRect();
  return {
    name: `${it.localName}#${it.id} ${it.textContent.slice(0, 30)} ${it.getAttribute("href") ?? ""}`,
    href: it.getAttribute("href") ?? "",
    field: it.dataset.field ?? "",
    isMarked: style.boxShadow !== "none" ||
      (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0),
    isInside: box.width > 0 && box.bottom > 0 && box.top < innerHeight &&
      box.left >= 0 && box.right <= innerWidth,
  };
})()
"""


async def show(board: Board, view: str) -> None:
    await board.go(view)
    await board.shows(f"{view} [data-key], {view} table")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_on_the_page_excludes_anybody(
    shared: PageProxy, calls: Calls, centre: Centre, opened: Opener, axe: str, scheme: str
) -> None:
    await calls.fill(centre.desks)
    board = await opened(shared.url)
    await board.scheme(scheme)
    await board.shows("#login form")
    found = {"login": await findings(board, axe)}
    for width in WIDTHS:
        await board.size(width)
        await board.picture(f"login-{width}-{scheme}")
    await board.log_in("oper", SECRET)
    for view in VIEWS:
        await show(board, view)
        for width in WIDTHS:
            await board.size(width)
            found[f"{view} at {width}"] = await findings(board, axe)
            await board.picture(f"{view[1:]}-{width}-{scheme}")
    await board.size(1280)
    await board.go("#queues")
    await board.run("[...document.querySelectorAll('.opens')].forEach((it) => it.click())")
    await board.shows("[data-table=callers] [data-key]")
    found["open queue"] = await findings(board, axe)
    await board.picture(f"queues-open-1280-{scheme}")
    assert {where: what for where, what in found.items() if what} == {}


@pytest.mark.parametrize("width", WIDTHS)
async def test_no_view_is_wider_than_the_window(
    shared: PageProxy, calls: Calls, centre: Centre, opened: Opener, width: int
) -> None:
    await calls.fill(centre.desks)
    board = await opened(shared.url, width=width)
    await board.shows("#login form")
    wider = {"login": await board.overflow()}
    await board.log_in("oper", SECRET)
    for view in VIEWS:
        await show(board, view)
        wider[view] = await board.overflow()
    await board.go("#queues")
    await board.run("[...document.querySelectorAll('.opens')].forEach((it) => it.click())")
    await board.shows("[data-table=callers] [data-key]")
    wider["open queue"] = await board.overflow()
    assert {view: by for view, by in wider.items() if by > 0} == {}


async def test_everything_is_reached_by_keyboard_and_one_sees_where_one_is(
    shared: PageProxy, calls: Calls, centre: Centre, opened: Opener
) -> None:
    await calls.fill(centre.desks)
    board = await opened(shared.url, "oper")
    for view in VIEWS[:-1]:
        await show(board, view)
        await board.run("document.activeElement.blur(); scrollTo(0, 0)")
        met: list[dict[str, Any]] = []
        for _ in range(100):
            await board.press("Tab")
            focused = await board.run(_FOCUSED)  # None between the last and the first
            if focused and met and focused["name"] == met[0]["name"]:
                break
            met += [focused] if focused else []
        assert [one["name"] for one in met if not one["isMarked"]] == [], view
        assert [one["name"] for one in met if not one["isInside"]] == [], view
        fields = {one["field"] for one in met}
        assert "logout" in fields, view
        tabs = {one["href"].partition("?")[0] for one in met}
        assert {"#queues", "#calls", "#agents", "#lines", "#status"} <= tabs, view
    # The tabs themselves are links.
    for tab in ("calls", "agents", "lines", "queues"):
        await board.tab_to(f"#tabs [href='#{tab}']")
        await board.press("Enter")
        await board.shows(f"#{tab} [data-key]")
        assert await board.run("document.querySelector('[aria-current=page]').dataset.tab") == tab
    # A queue opens, and a column sorts.
    await board.tab_to("[data-table=queues] .opens")
    await board.press("Enter")
    await board.shows("#queues .detail")
    await board.press("Enter")
    await board.hides("#queues .detail")
    await board.tab_to("[data-table=queues] thead [data-field=name] button")
    for is_falling in (False, True):
        await board.press("Enter")

        async def is_sorted(is_falling: bool = is_falling) -> bool:
            names = [row["cells"]["name"]["text"] for row in await board.rows("queues")]
            return names == sorted(names, reverse=is_falling)

        await come_true(is_sorted, "queues by name")


async def test_landmarks_and_tables_are_said_to_screen_readers(
    shared: PageProxy, calls: Calls, centre: Centre, opened: Opener
) -> None:
    await calls.fill(centre.desks)
    board = await opened(shared.url, "board")
    for width in (360, 1280):
        await board.size(width)
        for view in VIEWS[:4]:
            await show(board, view)
            tree = await board.page.ask("Accessibility.getFullAXTree")
            roles = [node.get("role", {}).get("value") for node in tree["nodes"] if not node["ignored"]]
            assert {"banner", "navigation", "main"} <= set(roles), (view, width)
            assert {"table", "row", "rowheader", "cell"} <= set(roles), (view, width)
            # Cards say the name of each column before its value.
            assert "columnheader" in roles or width < 600, (view, width)
            assert roles.count("alert") <= 1
    # What ticks every second is not read aloud.
    selector = "[aria-live], [role=status], [role=log], [role=timer]"
    live = await board.run(f"[...document.querySelectorAll('{selector}')].map((it) => it.id)")
    assert live == ["announcer"]


async def test_the_address_keeps_the_view(shared: PageProxy, opened: Opener) -> None:
    board = await opened(shared.url, "board", "#agents")
    await board.has_rows("agents")
    await board.go("#lines")
    await board.has_rows("trunks")
    await board.run("history.back()")
    await board.has_rows("agents")
    await board.page.go(f"{shared.url}#lines", bypasses_csp=False)
    await board.has_rows("trunks")
