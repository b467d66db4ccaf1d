"""A service in the process of the test, and a client of its control socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from amiproxy.ami import privilege
from amiproxy.core.model.users import User
from amiproxy.net.admin.control import ControlServer, Permission
from amiproxy.net.admin.control.server import permission_of
from amiproxy.net.admin.localsocket import Credentials, UnixListener
from tests.support.core_doubles import ListTransport
from tests.support.live_service import LiveService
from tests.support.waiting import DEADLINE

HASH = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$hash"
Permitted = Callable[[Credentials], Permission | None]

USERS = (
    User("wall", read=privilege.CALL, secret="plain:hunter2"),
    User("boss", read=privilege.ALL, write=privilege.ALL, md5_secret=b"hunter2hunter2", secret=HASH),
    User("gone", disabled=True, secret=HASH, setvar=((b"PIN", b"hunter2"),)),
)


class Asker:
    """One connection to the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def say(self, line: bytes) -> None:
        self.writer.write(line)
        await self.writer.drain()

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE):
            line = await self._reader.readline()
        assert line.endswith(b"\n"), f"the connection ended: {line!r}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, command: str, **arguments: str) -> dict[str, Any]:
        await self.say(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        return await self.hear()

    async def result(self, command: str, **arguments: str) -> Any:
        answer = await self.ask(command, **arguments)
        assert answer["ok"], answer
        return answer["result"]

    async def ended(self) -> None:
        # Closing without having read the answer resets a Unix connection.
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(DEADLINE):
                assert await self._reader.read() == b""


class Control:
    """A service with its control socket, and the clients that connect to it."""

    def __init__(self, service: LiveService, path: Path) -> None:
        self.service = service
        self.path = path
        self.askers: list[Asker] = []
        self.server: ControlServer

    @property
    def asker(self) -> Asker:
        return self.askers[0]

    async def connect(self) -> Asker:
        self.askers.append(Asker(*await asyncio.open_unix_connection(str(self.path), limit=1 << 22)))
        return self.askers[-1]

    def login(self, name: str, secret: str) -> ListTransport:
        transport = ListTransport()
        session = self.service.hub.attach(transport)
        session.receive(f"Action: Login\r\nUsername: {name}\r\nSecret: {secret}\r\n\r\n".encode())
        assert session.principal.user is not None
        return transport


@asynccontextmanager
async def serving(
    service: LiveService, path: Path, permitted: Permitted = permission_of, **options: Any
) -> AsyncIterator[Control]:
    """A service whose control socket has one connected client."""
    made = Control(service, path / "c.sock")
    listener = UnixListener(made.path)
    made.server = ControlServer(service, permitted, **options)
    await made.server.start(listener.socket)
    async with asyncio.TaskGroup() as group:
        work = [group.create_task(service.reloads.run()), group.create_task(service.rotation.run())]
        try:
            await made.connect()
            yield made
        finally:
            for asker in made.askers:
                asker.writer.close()
                with contextlib.suppress(OSError):
                    await asker.writer.wait_closed()
            await made.server.close()
            for task in work:
                task.cancel()
            listener.close()
