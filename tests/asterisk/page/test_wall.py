"""Wall mode: for a television that nobody touches."""

import pytest

from tests.asterisk.page.board import Board, come_true, seconds
from tests.asterisk.page.centre import Calls, Centre
from tests.asterisk.page.conftest import Opener
from tests.asterisk.page.native import Native, about, agree, member_state
from tests.asterisk.page.proxy import SECRET, PageProxy

#: Notes the locks that keep the screen on, and gives them in the place of the browser, which has no screen.
_LOCKS = """
window.locks = [];
navigator.wakeLock.request = async (kind) => {
  const lock = new EventTarget();
  lock.kind = kind;
  lock.released = false;
  lock.release = async () => { lock.released = true; };
  locks.push(lock);
  return lock;
};
"""
_HELD = "locks.filter((lock) => lock.kind === 'screen' && !lock.released).length"


async def tiles(board: Board, table: str = "wall-queues") -> dict[str, dict[str, str]]:
    """The figures of each tile that is shown, by its name."""
    found: dict[str, dict[str, str]] = await board.run(f"""
        Object.fromEntries([...document.querySelectorAll("[data-table={table}] > [data-key]")]
          .filter((tile) => tile.checkVisibility())
          .map((tile) => [tile.querySelector("bdi").textContent, {{
            state: tile.dataset.state ?? "",
            level: tile.dataset.level ?? "",
            ...Object.fromEntries([...tile.querySelectorAll("[data-field]")].map((box) =>
              [box.dataset.field, box.querySelector("dd").textContent])),
          }}]))
    """)
    return found


async def has_tiles(board: Board) -> dict[str, dict[str, str]]:
    async def there() -> dict[str, dict[str, str]]:
        return await tiles(board)

    found: dict[str, dict[str, str]] = await come_true(there)
    return found


async def test_a_wall_has_the_figures_of_its_queues_and_nothing_to_press(
    shared: PageProxy, calls: Calls, centre: Centre, native: Native, opened: Opener
) -> None:
    await calls.fill(centre.desks)
    board = await opened(shared.url, "board", width=1920)
    await board.go("#wall?queues=sales,night,no-such")
    await has_tiles(board)

    async def differences() -> list[str]:
        there = await native.queues()
        shown = await tiles(board)
        if set(shown) != {"sales", "night"}:
            return [f"tiles {sorted(shown)}"]
        wrong = []
        for name, tile in shown.items():
            wrong += [
                f"{name}: {field} is shown as {tile[field]}, not {there[name][field]}"
                for field in ("waiting", "free", "talking", "paused")
                if tile[field] != str(there[name][field])
            ]
            if not about(seconds(tile["longest"]), there[name]["longest"]):
                wrong.append(f"{name}: longest is shown as {tile['longest']}, not {there[name]['longest']}")
        return wrong

    await agree(differences)
    assert not await board.is_shown("form, button, input, nav, header")
    for scheme in ("light", "dark"):
        await board.scheme(scheme)
        await board.picture(f"wall-1920-{scheme}")
    await board.go("#wall?show=agents")

    async def members() -> list[str]:
        listed = [one for one in await native.items("QueueStatus") if one.event == "QueueMember"]
        there = {str(one.get("Name")): member_state(one) for one in listed}
        shown = {name: tile["state"] for name, tile in (await tiles(board, "wall-agents")).items()}
        present = {name: state for name, state in there.items() if state != "away"}
        return [] if shown == present else [f"{shown}, not {present}"]

    await agree(members)
    await board.picture("wall-agents-1920")


async def test_thresholds_of_the_address_decide_on_the_colour(
    shared: PageProxy, calls: Calls, opened: Opener
) -> None:
    await calls.call("queue-night", "First")
    board = await opened(shared.url, "board", "#wall?waiting=1,2&wait=900,950")
    assert (await has_tiles(board))["night"]["level"] == "amber"
    backgrounds = set()

    async def colour() -> str:
        script = """getComputedStyle([...document.querySelectorAll("[data-table=wall-queues] > [data-key]")]
          .find((tile) => tile.textContent.includes("night"))).backgroundColor"""
        return str(await board.run(script))

    backgrounds.add(await colour())
    await calls.call("queue-night", "Second")

    async def is_red() -> bool:
        return (await tiles(board))["night"]["level"] == "red"

    await come_true(is_red)
    backgrounds.add(await colour())
    await board.go("#wall?waiting=5,9&wait=900,950&sl=0,0")

    async def is_calm() -> bool:
        return (await tiles(board))["night"]["level"] == "calm"

    await come_true(is_calm)
    backgrounds.add(await colour())
    assert len(backgrounds) == 3
    await board.go("#wall?waiting=5,9&wait=1,900")

    async def waits_long() -> bool:
        return (await tiles(board))["night"]["level"] == "amber"

    await come_true(waits_long)


async def test_the_screen_is_kept_on(shared: PageProxy, opened: Opener) -> None:
    board = await opened(shared.url, "board")
    await board.page.ask("Page.addScriptToEvaluateOnNewDocument", source=_LOCKS)
    await board.page.go(f"{shared.url}?again", bypasses_csp=False)
    await board.has_rows("queues")
    assert await board.run(_HELD) == 0

    async def held() -> bool:
        return bool(await board.run(_HELD) == 1)

    await board.go("#wall")
    await come_true(held)
    # The browser takes it away while the page is hidden.
    await board.run("""
        for (const lock of locks) { lock.released = true; lock.dispatchEvent(new Event("release")); }
        document.dispatchEvent(new Event("visibilitychange"));
    """)
    await come_true(held)
    await board.go("#queues")

    async def let_go() -> bool:
        return bool(await board.run(_HELD) == 0)

    await come_true(let_go)


async def test_a_phone_shows_all_queues_of_a_wall(shared: PageProxy, opened: Opener) -> None:
    board = await opened(shared.url, "board", "#wall")
    await board.size(400, 320)

    async def all_shown() -> bool:
        return set(await tiles(board)) == {"sales", "support", "night"}

    await come_true(all_shown)
    assert await board.overflow() <= 0


async def test_the_cursor_and_the_way_out_are_there_only_while_the_pointer_moves(
    shared: PageProxy, opened: Opener
) -> None:
    board = await opened(shared.url, "board", "#wall")
    await has_tiles(board)

    async def is_hidden() -> bool:
        return bool(await board.run("getComputedStyle(document.body).cursor === 'none'"))

    async def way_out() -> float:
        return float(
            await board.run("""
            (() => {
              const link = document.querySelector("#wall a");
              const isShown = link.checkVisibility({ visibilityProperty: true });
              return isShown ? Number(getComputedStyle(link).opacity) : 0;
            })()""")
        )

    await come_true(is_hidden)

    async def no_way_out() -> bool:
        return await way_out() == 0

    await come_true(no_way_out)
    for x in (10, 20, 30):
        await board.page.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=10)

    async def offered() -> bool:
        return await way_out() > 0.5 and not await is_hidden()

    await come_true(offered)
    await board.tab_to("#wall a")
    await board.press("Enter")
    await board.has_rows("queues")


@pytest.mark.parametrize("hash_", ["#wall", "#wall?queues=night"])
async def test_without_a_session_a_wall_says_where_to_log_in_and_goes_on_once_somebody_has(
    shared: PageProxy, opened: Opener, hash_: str
) -> None:
    board = await opened(shared.url, view=hash_)

    async def told() -> bool:
        return board.url.rstrip("/") in await board.text("#wall")

    await come_true(told)
    assert not await board.is_shown("form, button, input")
    assert not await tiles(board)
    await board.picture("wall-without-session")
    answer = await board.run(f"""
        fetch("page/api/session", {{
          method: "POST",
          headers: {{ "Content-Type": "application/json" }},
          body: JSON.stringify({{ username: "board", secret: "{SECRET}" }}),
        }}).then((answer) => answer.status)
    """)
    assert answer == 200
    # It looks every half minute: let that pass.
    await board.run(
        "{ const now = performance.now.bind(performance); performance.now = () => now() + 40000; }"
    )
    await has_tiles(board)
