"""The page in the real process: what it shows is what ``ctl`` shows, and its sessions end in good order."""

import asyncio
import http.client
import json
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from amiproxy.tools.simulator import Simulator
from tests.support.http_doors import add_listener, message
from tests.support.ports import free_port
from tests.support.service import PASSWORDS, USERS, Service
from tests.support.waiting import DEADLINE

PAGE_USERS = {
    "boss": {**USERS["boss"], "doors": ["ami", "page"]},
    "caller": {**USERS["caller"], "doors": ["page"]},
}


class Browser:
    """One user's cookie and its requests."""

    def __init__(self, service: Service, port: int) -> None:
        self._context, self._port = service.context, port
        self.cookie = ""

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        connection = http.client.HTTPSConnection("localhost", self._port, context=self._context, timeout=20)
        with closing(connection):
            headers = {"Cookie": self.cookie, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            self.cookie = (response.headers["Set-Cookie"] or self.cookie).partition(";")[0]
            return response.status, json.loads(response.read() or b"null")

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of an answer of ``/page/api``."""
        return await asyncio.to_thread(self._ask, method, f"/page/api/{path}", body)

    async def log_in(self, user: str) -> None:
        body = {"username": user, "secret": PASSWORDS[user]}
        assert await self.ask("POST", "session", body) == (200, {"user": user})

    def socket(self) -> Any:
        return connect(
            f"wss://localhost:{self._port}/page/ws",
            ssl=self._context,
            subprotocols=["ami.json"],
            additional_headers={"Cookie": self.cookie},
            proxy=None,
        )


async def code_of(socket: ClientConnection) -> int:
    """The code with which the server closes; messages before it are passed over."""
    async with asyncio.timeout(DEADLINE):
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code or 0


async def started(simulator: Simulator, make_service: Callable[..., Service]) -> tuple[Service, int]:
    service = make_service(simulator.port)
    service.write_users(PAGE_USERS)
    port = free_port()
    add_listener(service, f"127.0.0.1:{port}", doors=["page"])
    await service.start_up()
    await service.linked()
    return service, port


async def test_the_page_shows_what_ctl_shows_until_the_service_ends(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service, port = await started(simulator, make_service)
    boss, caller = Browser(service, port), Browser(service, port)
    await boss.log_in("boss")
    await caller.log_in("caller")
    async with boss.socket() as socket, caller.socket() as other:
        assert (await message(socket, "hello"))["user"] == "boss"
        assert (await message(other, "hello"))["servers"][0]["started"] > 1.7e9
        for what in ("status", "sessions", "upstream", "certificates", "limits", "history", "denials"):
            status, shown = await boss.ask("GET", what)
            assert (status, bool(shown)) == (200, True)
            assert (await caller.ask("GET", what))[0] == 403
        _, sessions = await boss.ask("GET", "sessions")
        assert {("boss", "page"), ("caller", "page")} <= {(one["user"], one["door"]) for one in sessions}
        (identity,) = [one["id"] for one in sessions if one["user"] == "caller"][-1:]
        kick = {"target": "user:caller", "confirm": "kick"}
        assert (await caller.ask("POST", "kick", kick))[0] == 403
        status, kicked = await boss.ask("POST", "kick", kick)
        assert status == 200
        assert identity in kicked["kicked"]
        assert await code_of(other) == 4003
        assert (await caller.ask("GET", "me"))[0] == 401
        assert (await boss.ask("POST", "drain", {"confirm": "drain"}))[0] == 200
        assert await code_of(socket) == 1001
    assert await service.status() == 0


async def test_a_reload_takes_the_page_away_at_once(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service, port = await started(simulator, make_service)
    caller = Browser(service, port)
    await caller.log_in("caller")
    async with caller.socket() as socket:
        await message(socket, "hello")
        service.write_users({**PAGE_USERS, "caller": {**USERS["caller"], "doors": ["ami"]}})
        service.signal(signal.SIGHUP)
        assert await code_of(socket) == 4003
    assert (await caller.ask("GET", "me"))[0] == 401
