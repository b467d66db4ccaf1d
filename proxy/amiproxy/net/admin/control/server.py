"""The control socket's server: one JSON object per line in both directions.

A request is ``{"command": NAME, "arguments": {…}}``; its reply ``{"ok": true,
"result": …}`` or ``{"ok": false, "error": TEXT, "problems": […]}``.  A stream is any
number of replies.  Permissions depend only on the credentials of the peer as the
kernel reports them (SO_PEERCRED), never on anything that the peer sends.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from amiproxy import log
from amiproxy.core.admission.sidedoor import SideDoor, Want
from amiproxy.net.admin.control.commands import COMMANDS, Command, Permission, Refused, check_arguments
from amiproxy.net.admin.localsocket import Credentials, credentials_of
from amiproxy.net.admin.service import Service
from amiproxy.net.admin.sideserver import SideServer, Visit
from amiproxy.net.loop.groups import first_of

#: Maximum bytes of a request, which has only names and short arguments.
_LONGEST_REQUEST = 4096
#: Maximum of concurrent connections, how many of them may be waiting for replies, and streams besides.
_CLIENTS = 16
_WORKING = 8
_STREAMS = 8
#: Seconds within which a peer must begin its next request.
_IDLE = 60.0
#: Seconds within which a peer must send the rest of a request, or read a reply.
_PATIENCE = 10.0


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line from a peer."""

    command: str
    arguments: dict[str, str] = {}


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line to a peer."""

    ok: bool
    result: object = None
    error: str = ""
    problems: tuple[str, ...] = ()


def permission_of(peer: Credentials) -> Permission | None:
    """The permission of a peer: all for root and for our own user, None for all other users."""
    return Permission.OPERATE if peer.uid in (0, os.getuid()) else None


class ControlServer(SideServer):
    """Serves on one or more listening Unix sockets, which the caller must close."""

    def __init__(
        self,
        service: Service,
        permitted: Callable[[Credentials], Permission | None] = permission_of,
        *,
        commands: Mapping[str, Command] = COMMANDS,
        idle: float = _IDLE,
        clients: int = _CLIENTS,
    ) -> None:
        self._service = service
        self._permitted = permitted
        self._commands = commands
        self._idle = idle
        super().__init__(
            "control-lost",
            self._serve_requests,
            SideDoor(clients, min(_WORKING, clients), _STREAMS),
            longest=_LONGEST_REQUEST,
            full=_line_of(Reply(False, error="too many connections; try again")),
            refuse=self._refusal_of,
            is_full=lambda: service.hub.limit_state.rationed.say_of(log.WARNING, "control-full", ""),
        )

    async def start(self, sock: socket.socket) -> None:
        """As ``SideServer.start``; the journal is kept while the server runs."""
        self._service.journal.open()
        await super().start(sock)

    async def close(self) -> None:
        """As ``SideServer.close``."""
        await super().close()
        self._service.journal.close()

    def _refusal_of(self, writer: asyncio.StreamWriter) -> bytes:
        peer = credentials_of(writer.get_extra_info("socket"))
        if self._permitted(peer) is not None:
            return b""
        log.say(log.WARNING, "control-refused", uid=peer.uid, pid=peer.pid)
        return _line_of(Reply(False, error=f"uid {peer.uid} is not permitted; use root or the proxy's user"))

    async def _serve_requests(self, visit: Visit) -> None:
        peer = credentials_of(visit.writer.get_extra_info("socket"))
        permission = self._permitted(peer)
        assert permission is not None
        while line := await self._line(visit.reader, visit.writer):
            await self._answer(line, peer, permission, visit)
            visit.rests()

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The next request; b"" at the end of the connection, or when it must end."""
        try:
            async with asyncio.timeout(self._idle):
                first = await reader.readexactly(1)
            async with asyncio.timeout(_PATIENCE):
                return first if first == b"\n" else first + await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            await self._say(writer, Reply(False, error=f"a request has at most {_LONGEST_REQUEST} bytes"))
            return b""
        except asyncio.IncompleteReadError:
            return b""

    async def _answer(
        self,
        line: bytes,
        peer: Credentials,
        permission: Permission,
        visit: Visit,
    ) -> None:
        writer = visit.writer
        try:
            request = msgspec.json.decode(line, type=Request)
            command = self._command(request, permission)
            _admit(visit, command)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            await self._say(writer, Reply(False, error=f"not a request: {error}"))
            return
        except Refused as refused:
            await self._say(writer, Reply(False, error=str(refused)))
            return
        if command.permission is Permission.OPERATE:
            said = "" if command.private else " ".join(request.arguments.values())
            log.say(log.INFO, "control", command=command.name, about=said or None, uid=peer.uid, pid=peer.pid)
        try:
            if command.stream is not None:
                results = command.stream(self._service, request.arguments)
                await self._stream(results, visit.reader, writer, command.patience)
                return
            assert command.run is not None
            result = await command.run(self._service, request.arguments)
            visit.is_answered()
            await self._say(writer, Reply(True, result))
        except Refused as refused:
            reply = Reply(False, refused.result, error=str(refused), problems=refused.problems)
            await self._say(writer, reply)
        except (OSError, TimeoutError):
            raise
        except Exception as fault:
            # A bug of ours must not look to the operator as if the proxy had ended.
            log.exception("fault", fault, where=f"control {command.name}")
            await self._say(writer, Reply(False, error="internal error of the proxy; see its log"))

    def _command(self, request: Request, permission: Permission) -> Command:
        command = self._commands.get(request.command)
        if command is None:
            raise Refused(
                f"unknown command {log.text_of(request.command)}; known: {', '.join(self._commands)}"
            )
        if command.permission > permission:
            raise Refused(f"{command.name} needs the permission to {command.permission.name.lower()}")
        check_arguments(command, request.arguments)
        return command

    async def _stream(
        self,
        results: AsyncIterator[object],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        patience: float,
    ) -> None:
        """Send results until they end, or until the peer sends anything or disconnects.

        The read is needed because nothing else shows that the peer has stopped listening.
        """
        refused: Refused | None = None
        lost: OSError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                ended = group.create_task(self._until_said(reader))
                sending = group.create_task(self._send_all(results, writer, patience))
                ended.add_done_callback(lambda _: sending.cancel())
                sending.add_done_callback(lambda _: ended.cancel())
        except* Refused as refusals:
            refused = first_of(refusals)
        except* OSError as errors:
            lost = first_of(errors)
        if lost is not None:
            raise ConnectionError("the peer is gone") from lost
        if refused is not None:
            raise refused
        writer.close()

    async def _until_said(self, reader: asyncio.StreamReader) -> None:
        await reader.read(1)

    async def _send_all(
        self, results: AsyncIterator[object], writer: asyncio.StreamWriter, patience: float
    ) -> None:
        async for result in results:
            await self._say(writer, Reply(True, result), patience)

    async def _say(self, writer: asyncio.StreamWriter, reply: Reply, patience: float = _PATIENCE) -> None:
        writer.write(_line_of(reply))
        async with asyncio.timeout(patience):
            await writer.drain()


def _line_of(reply: Reply) -> bytes:
    return msgspec.json.encode(reply) + b"\n"


def _admit(visit: Visit, command: Command) -> None:
    """Raise Refused unless the command can be executed now."""
    if command.stream is not None:
        if not visit.asks(Want.STREAM):
            raise Refused(
                f"{_STREAMS} streams (tail, trace, learn) are already running; end one, and try again"
            )
    elif not visit.asks(Want.URGENT if command.urgent else Want.ORDINARY):
        raise Refused("too many requests in progress; try again")
