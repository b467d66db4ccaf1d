"""/metrics of a listener for HTTP: for users of class system only."""

import base64

import pytest

from tests.net.doors.http.api.conftest import ApiHouse

BOTH_LOOPS = True


def basic(user: str, secret: str = "secret") -> str:
    return "Authorization: Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


async def test_a_user_of_class_system_gets_the_metrics(api_house: ApiHouse) -> None:
    async with api_house.peer() as peer:
        reply = await peer.get("/metrics", basic("oper"), "Accept: text/plain")
        assert (reply.status, reply.body) == (200, b"all metrics, text/plain\n")
        assert reply.get("content-type") == "text/plain; version=1.0.0"
        assert reply.get("cache-control") == "no-store"
    assert api_house.pool.requests.answered == {("probe", "2xx"): 1}


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 401),
        ([basic("oper", "wrong")], 401),
        ([basic("board")], 403),
        ([basic("script")], 401),  # which has no door that is served here
        ([basic("oper"), "Sec-Fetch-Site: cross-site"], 403),
    ],
)
async def test_nobody_else_gets_them(api_house: ApiHouse, lines: list[str], status: int) -> None:
    async with api_house.peer() as peer:
        reply = await peer.get("/metrics", *lines)
        assert reply.status == status
        assert b"all metrics" not in reply.body
