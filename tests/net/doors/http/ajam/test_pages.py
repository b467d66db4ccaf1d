"""Each page writes an answer in its own form; a long one in slices, between which others are served."""

import asyncio

from amiproxy.net.doors.http.ajam import pages
from tests.support.waiting import until

PING = b"Response: Success\r\nPing: Pong\r\n\r\n"


def written(page: pages.Page, answer: bytes, longest: int = 1 << 20) -> list[bytes | None]:
    got: list[bytes | None] = []
    page.write([], answer, longest, got.append)
    return got


def test_raw_pages_write_ami_as_it_is() -> None:
    assert pages.RAWMAN.body([], PING) == PING
    assert written(pages.ARAWMAN, PING * 1000) == [PING * 1000]


def test_an_answer_that_is_cut_off_is_still_shown() -> None:
    assert pages.MXML.body([], b"Response: Success\r\nPing: P").count(b"<response ") == 1


def test_parameters_choose_target_and_type_of_the_xml() -> None:
    parameters = [(b"ajaxdest", b"box"), (b"AjaxObjType", b"Pong")]
    assert b"id='box'><Pong response=" in pages.AMXML.body(parameters, PING)


def test_an_html_page_refers_to_itself() -> None:
    assert b'<form action="manager"' in pages.MANAGER.body([], PING)
    assert b'<form action="amanager"' in pages.AMANAGER.body([], PING)


def test_an_answer_that_is_too_long_is_reported() -> None:
    assert written(pages.RAWMAN, PING, len(PING) - 1) == [None]
    assert written(pages.MXML, PING * 3, 200) == [None]
    assert written(pages.MANAGER, b"a: '\r\n\r\n" * 2, 100) == [None]


async def test_a_long_answer_is_written_in_slices() -> None:
    got = written(pages.MXML, PING * 1000)
    assert got == []
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        if not got:
            asyncio.get_running_loop().call_soon(count)

    count()
    await until(lambda: len(got) == 1)
    assert got[0] is not None
    assert got[0].count(b"<response ") == 1000
    assert turns > 10
