"""Answers that take time, during which the client leaves or its user loses its rights."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest

from amiproxy.net.doors.http.page.routes import API
from tests.net.doors.http.page.conftest import COOKIE, PageHouse
from tests.net.doors.http.page.test_access import changed

BOTH_LOOPS = True


@pytest.mark.parametrize(
    ("base", "fields", "status"),
    [
        (API, {"read": 0}, 401),
        (API, {"disabled": True}, 401),
        (API, {"doors": frozenset({"ws"})}, 401),
        ("/api/v1", {"read": 0}, 403),
    ],
)
async def test_an_operator_that_loses_its_rights_reads_no_answer_that_is_under_way(
    house: PageHouse, base: str, fields: dict[str, Any], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def denial(_number: int) -> Mapping[str, object]:
        begun.set()
        await go_on.wait()
        return {"secret": "of others"}

    monkeypatch.setattr(house.operator, "denial", denial)
    login = "Authorization: Basic " + base64.b64encode(b"both:x").decode()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(house.ask("GET", f"{base}/denials/17", None, login))
        await begun.wait()
        house.hub.adopt(changed("both", **fields))
        go_on.set()
    reply = asked.result()
    assert reply.status == status
    assert b"of others" not in reply.body


async def test_what_is_only_shown_is_not_worked_out_for_a_client_that_has_left(
    house: PageHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def denial(_number: int) -> Mapping[str, object]:
        begun.set()
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    monkeypatch.setattr(house.operator, "denial", denial)
    key = await house.log_in("watch")
    async with house.peer() as peer:
        head = f"GET /page/api/denials/17 HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={key}\r\n\r\n"
        await peer.send(head.encode())
        await begun.wait()
    await ended.wait()
