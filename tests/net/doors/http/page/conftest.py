"""A listener with the page in the test's own loop, with an Asterisk that is played."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.net.doors.http.ajam import routes as ajam
from amiproxy.net.doors.http.api import api
from amiproxy.net.doors.http.page import routes as page
from amiproxy.x509.identity import CertificateLogin, parse_binding
from tests.net.doors.http.api.conftest import Recorder
from tests.support.http_peer import Reply
from tests.support.socket_house import SocketHouse
from tests.support.tls_door import Contexts

BINDING = parse_binding("dns:screen.example")
PAGE = frozenset({"page"})
EVERYWHERE = frozenset({"ajam", "api", "page", "ws"})
USERS = (
    User("wall", read=privilege.CALL | privilege.AGENT, write=privilege.CALL, secret="plain:x", doors=PAGE),
    User("oper", read=privilege.ALL, write=privilege.ALL, secret="plain:x", doors=PAGE),
    User("watch", read=privilege.ALL, secret="plain:x", doors=PAGE),
    User("robot", read=privilege.ALL, write=privilege.ALL, secret="plain:x", doors=EVERYWHERE - PAGE),
    User("both", read=privilege.ALL, write=privilege.ALL, secret="plain:x", doors=EVERYWHERE),
    User("screen", read=privilege.CALL, doors=PAGE, login=CertificateLogin((BINDING,), "certificate")),
)


class PageHouse(SocketHouse):
    """A house whose listener serves the page; ``alone`` takes the other doors away."""

    def __init__(self, both: Contexts, limits: Limits, *, alone: bool = False, **settings: Any) -> None:
        super().__init__(both, limits, *USERS, doors=("page",) if alone else tuple(EVERYWHERE), **settings)
        self.operator = Recorder()
        self.page = Entrance(door="page")
        if alone:
            self.site._exact.pop(b"/ws")
        else:
            ajam.routes(self.site, self.hub.web, Entrance(door="ajam"), self.hub.limit_state)
            api.routes(self.site, self.hub, Entrance(door="api"), self.operator)
        page.routes(self.site, self.hub, self.page, self.operator)

    async def ask(self, method: str, path: str, body: Any = None, *lines: str, cookie: str = "") -> Reply:
        """One request on a connection of its own; ``body`` is sent as JSON."""
        data = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", "Host: localhost", *lines]
        if cookie:
            head.append(f"Cookie: {COOKIE}={cookie}")
        if data:
            head += [f"Content-Length: {len(data)}", "Content-Type: application/json"]
        async with self.peer() as peer:
            return await peer.ask("\r\n".join([*head, "", ""]).encode() + data, head=method == "HEAD")

    async def log_in(self, name: str = "wall") -> str:
        """The key in the cookie of a new session of this user."""
        reply = await self.ask("POST", "/page/api/session", {"username": name, "secret": "x"})
        assert reply.status == 200, reply
        return (reply.get("set-cookie") or "").partition(";")[0].removeprefix(f"{COOKIE}=")


COOKIE = "__Host-amiproxy_session"


def cookie(key: str) -> dict[str, Any]:
    """The argument of ``SocketHouse.socket`` that says so."""
    return {"additional_headers": {"Cookie": f"{COOKIE}={key}"}}


@pytest.fixture
async def house(both: Contexts, request: pytest.FixtureRequest) -> AsyncIterator[PageHouse]:
    """Its parameters are those of ``with_``."""
    limits, settings = getattr(request, "param", (Limits(), {}))
    built = PageHouse(both, limits, **settings)
    built.listen()
    built.all_up()
    yield built
    built.close()
    assert built.pool.open == 0
    assert built.pool.backlog.size == 0
