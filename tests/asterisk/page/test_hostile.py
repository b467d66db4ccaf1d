"""Whatever callers call themselves is text, and does not break the layout."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.asterisk.page.board import Board, come_true
from tests.asterisk.page.centre import Calls, Centre
from tests.asterisk.page.conftest import Opener
from tests.asterisk.page.proxy import PageProxy
from tests.support.ami_client import AmiClient

#: What a caller is called, and what the proxy is told instead: Asterisk's own limits are not the page's.
NAMES = {
    "caller-html": "<img src=x onerror=\"tell('image')\"><script>tell('script')</script>",
    "caller-end": "</bdi></td></tr></table><style>*{display:none}</style><!--",
    "caller-rtl": "\u202egnp.exe\u202d \u2066\u2067abc",
    "caller-arabic": "مرحبا بالعالم (5550100)",
    "caller-emoji": "👩‍👩‍👧‍👦🏳️‍🌈 Zoë",
    "caller-controls": "".join(map(chr, (*range(1, 10), 11, 12, *range(14, 32), *range(127, 160)))) + "end",
    "caller-lines": "one\u2028two\u2029three\u0085four",
    "caller-marks": "Z" + "\u0310\u0322\u0335" * 400,
    "caller-long": "W" * 10_000,
    "caller-spaces": "left" + "\u3000" * 200 + "right",
    "caller-template": "${7*7} {{7*7}} %s %n javascript:tell('url')",
}
#: Not UTF-8.
BYTES = {b"caller-bytes": b"caf\xe9 \xff\xfe\xc3\x28"}
_MOST = 400


@asynccontextmanager
async def renaming(target: int) -> AsyncIterator[int]:
    """A port that leads to Asterisk, and calls the callers otherwise than Asterisk does."""
    names = {name.encode(): text.encode() for name, text in NAMES.items()} | BYTES

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)

        async def forth() -> None:
            while data := await reader.read(65536):
                back.write(data)
            back.close()

        async def home() -> None:
            while line := await there.readline():
                for name, text in names.items():
                    line = line.replace(name, text)
                writer.write(line)
            writer.close()

        try:
            await asyncio.gather(forth(), home())
        except OSError:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def all_shown(board: Board, table: str, number: int) -> list[str]:
    """The texts of a table's first texts in each row, once there are so many rows."""

    async def complete() -> bool:
        return len(await board.rows(table)) == number

    await come_true(complete, lambda: (table, number))
    return [row["texts"][0] for row in await board.rows(table)]


async def test_hostile_names_are_text(
    centre: Centre, calls: Calls, acting: AmiClient, tmp_path: Path, opened: Opener
) -> None:
    async with renaming(centre.asterisk.port) as port:
        proxy = PageProxy(tmp_path, centre.asterisk, port)
        await asyncio.to_thread(proxy.start)
        try:
            board = await opened(proxy.url, "board", "#calls")
            before = await board.run(
                "[...document.querySelectorAll('*')].map((it) => it.tagName).sort().join()"
            )
            tags = set(before.split(","))
            callers = [*NAMES, *map(bytes.decode, BYTES)]
            for name in callers:
                await calls.call("queue-night", name)
            await acting.action("QueuePause", Interface="PJSIP/bob", Paused="true", Reason="caller-html")
            shown = await all_shown(board, "calls", len(callers))
            # Bytes that are not UTF-8 are replaced, and long texts are cut.
            for name in ("caller-html", "caller-end", "caller-rtl", "caller-emoji", "caller-template"):
                assert any(text.startswith(NAMES[name][:60]) for text in shown), name
            assert any("\ufffd" in text for text in shown)
            assert any(text.startswith("W" * 60) and len(text) < 1000 for text in shown)

            async def all_wait() -> bool:
                waiting = {
                    row["cells"]["name"]["text"]: row["cells"]["waiting"]["text"]
                    for row in await board.rows("queues")
                }
                return waiting["night"] == str(len(callers))

            for view in ("#calls", "#queues", "#agents", "#lines"):
                await board.go(view)
                await board.shows(f"{view} [data-key]")
                if view == "#queues":
                    await come_true(all_wait)
                    await board.run("[...document.querySelectorAll('.opens')].forEach((it) => it.click())")
                    await board.shows("[data-table=callers] [data-key]")
                for width in (360, 1280, 1920):
                    await board.size(width)
                    assert await board.overflow() <= 0, (view, width)
                    tallest = await board.run("""
                        Math.max(...[...document.querySelectorAll("[data-key]")]
                          .filter((row) => row.checkVisibility()).map((row) => row.offsetHeight))
                    """)
                    assert tallest < _MOST, (view, width)
                    await board.picture(f"hostile{view.replace('#', '-')}-{width}")
                elements = await board.run(
                    "[...document.querySelectorAll('*')].map((it) => it.tagName).join()"
                )
                assert not {"IMG", "SCRIPT", "STYLE", "IFRAME"} & set(elements.split(",")) - tags
                assert await board.run("document.querySelectorAll('script').length") == 1
            # Direction marks in one name do not turn what stands beside it.
            isolated = await board.run(
                "[...document.querySelectorAll('bdi')].map((it) => getComputedStyle(it).unicodeBidi)"
            )
            assert set(isolated) == {"isolate"}
        finally:
            proxy.kill()


async def test_a_name_that_looks_like_a_filter_is_found_as_text(
    shared: PageProxy, calls: Calls, opened: Opener
) -> None:
    board = await opened(shared.url, "board", "#calls")
    for name in ("a.*[b", "a.xxb"):
        await calls.call("queue-night", name)
    await all_shown(board, "calls", 2)
    await board.tab_to("#find-calls")
    await board.type(".*[")
    assert await all_shown(board, "calls", 1) == ["a.*[b"]
