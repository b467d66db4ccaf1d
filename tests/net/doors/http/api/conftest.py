"""The JSON interface of a listener in the test's own loop, with an Asterisk that is a double."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.net.doors.http.api import api
from amiproxy.net.doors.http.api.problems import Refused
from tests.support.answering import AnsweringUpstream
from tests.support.http_peer import HttpHouse, HttpPeer, Reply
from tests.support.tls_door import Contexts
from tests.support.waiting import until

DOORS = frozenset({"api"})
USERS = (
    User("board", read=privilege.CALL | privilege.AGENT, md5_secret=b"secret", doors=DOORS),
    User("oper", read=privilege.ALL, write=privilege.ALL, md5_secret=b"secret", doors=DOORS),
    User("script", read=privilege.ALL, write=privilege.ALL, md5_secret=b"secret"),
)


class Recorder:
    """An Operator that records what it is asked to do."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []

    def status(self) -> Mapping[str, object]:
        return {"state": "serving"}

    async def show(self, what: str) -> object:
        return {"shown": what}

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        return f"all metrics, {accept}\n".encode(), "text/plain; version=1.0.0"

    def denials(self, last: int) -> list[Mapping[str, object]]:
        return [{"event": "action-denied", "number": number} for number in range(min(last, 3))]

    async def denial(self, number: int) -> Mapping[str, object]:
        if number != 17:
            raise Refused(404, "There is no such denied action.")
        return {
            "id": number,
            "user": "board",
            "rule": "classes",
            "lines": ["line"],
            "allowed": False,
            "change": {"yaml": "users: {}", "text": ""},
            "message": "",
        }

    async def explain(self, user: str, message: bytes, server: str) -> tuple[bool, list[str]]:
        self.done.append(("explain", user, message.decode(), server))
        return False, ["line"]

    async def kick(self, target: str, by: str) -> list[str]:
        if target == "nobody":
            raise Refused(404, "unknown session")
        self.done.append(("kick", target, by))
        return [target]

    async def drain(self, by: str) -> Mapping[str, object]:
        self.done.append(("drain", by))
        return {"sessions": 1, "in_flight": 0}

    async def set_log_level(self, level: str, by: str) -> Mapping[str, object]:
        self.done.append(("log-level", level, by))
        return {"before": "info", "level": level}


class ApiPeer(HttpPeer):
    """One connection, whose requests have JSON bodies."""

    async def call(self, method: str, path: str, body: Any = None, *lines: str, user: str = "") -> Reply:
        """``body`` is JSON, or bytes as they are; ``user`` is one of USERS, by Basic."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        head = [f"{method} /api/v1{path} HTTP/1.1", "Host: localhost", *lines]
        if user:
            head.append("Authorization: Basic " + base64.b64encode(f"{user}:secret".encode()).decode())
        if data:
            head.append(f"Content-Length: {len(data)}")
            if not any(line.lower().startswith("content-type") for line in lines):
                head.append("Content-Type: application/json")
        return await self.ask("\r\n".join([*head, "", ""]).encode() + data, head=method == "HEAD")


class ApiHouse(HttpHouse):
    """A house that serves the JSON interface, in front of ``asterisk``."""

    def __init__(self, both: Contexts, limits: Limits, **settings: Any) -> None:
        super().__init__(both, limits, *USERS, **settings)
        self.operator = Recorder()
        api.routes(self.site, self.hub, Entrance("", "api"), self.operator)
        self.asterisk = AnsweringUpstream(self.hub.servers.first)

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[ApiPeer]:
        """A connected client."""
        async with ApiPeer.to(self.address, self.client) as peer:
            yield peer


def body_of(reply: Reply) -> Any:
    return json.loads(reply.body)


@pytest.fixture
async def api_house(both: Contexts, request: pytest.FixtureRequest) -> AsyncIterator[ApiHouse]:
    wanted: tuple[Limits, dict[str, Any]] = getattr(request, "param", (Limits(), {}))
    house = ApiHouse(both, wanted[0], **wanted[1])
    house.listen()
    house.asterisk.connect()
    await until(lambda: len(house.asterisk.asked) > 1)
    yield house
    house.close()
    assert house.pool.open == 0
