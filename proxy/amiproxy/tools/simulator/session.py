"""One client of the simulator: its socket, its login, its actions one after the other.

As in Asterisk, a session runs one action at a time, and events that happen meanwhile
wait until the action is done.  The actions are not implemented here; the host looks
them up.
"""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from amiproxy.ami import message, privilege
from amiproxy.tools.simulator.calls.timeline import Timeline
from amiproxy.tools.simulator.misbehaviour.faults import Faults
from amiproxy.tools.simulator.pbx.channel import event, item
from amiproxy.tools.simulator.pbx.state import Pbx
from amiproxy.tools.simulator.reading import Request, RequestReader
from amiproxy.tools.simulator.settings import Settings
from amiproxy.tools.simulator.users import User


@dataclass(frozen=True, slots=True)
class Offered:
    """One action that the simulator knows."""

    name: str
    classes: int
    synopsis: str
    run: Callable[["Session", Request], Awaitable[None]]


class Host(Protocol):
    """The simulator, as far as a session needs it."""

    settings: Settings
    pbx: Pbx
    timeline: Timeline
    faults: Faults

    @property
    def offered(self) -> Iterable[Offered]:
        """Every action, in ListCommands' order."""

    def find(self, action: bytes) -> Offered | None:
        """An action by its name in any case."""

    def user_named(self, name: str) -> User | None:
        """A manager user by its name in any case."""

    def logged_in(self, name: str) -> bool:
        """Whether a session of this user is up."""

    def broadcast(self, raw: bytes) -> None:
        """Send an event to all sessions that may see it."""

    def note(self, raw: bytes) -> None:
        """A message of a client arrived."""

    def arrived(self, session: "Session") -> None:
        """A connection was accepted."""

    def left(self, session: "Session") -> None:
        """A connection ended."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a task that the simulator supervises."""


class Session(asyncio.Protocol):
    """One connection.  ``user`` is None until the login."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.user: User | None = None
        self.mask = privilege.ALL
        self.challenge = b""
        self.logged_in_at = 0.0
        self.closing = False
        self.activity = asyncio.Event()
        self._reader = RequestReader()
        self._requests: deque[Request] = deque()
        self._held: list[bytes] = []
        self._busy = False
        self._ended = False
        self._resumed = asyncio.Event()
        self._pieces: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the banner."""
        # uvloop's transports do not inherit from asyncio's: nothing to check with isinstance.
        self._transport = cast("asyncio.Transport", transport)
        self.host.arrived(self)
        self.send(b"Asterisk Call Manager/%b\r\n" % self.host.settings.ami_version.encode())
        if not self.host.faults.reading:
            self._transport.pause_reading()
        self.host.spawn(self._run())

    def data_received(self, data: bytes) -> None:
        """Queue the complete requests."""
        for request in self._reader.feed(data):
            self._requests.append(request)
            self.host.note(request.raw)
        self.activity.set()

    def eof_received(self) -> bool:
        """Answer the pending requests, then close."""
        self._ended = True
        self.activity.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session: nothing more can be sent."""
        self.closing = self._ended = True
        self.activity.set()
        self._resumed.set()
        self.host.left(self)

    # Called by the host and the actions.

    def may_read(self, required: int) -> bool:
        """Whether an event of these classes reaches this session."""
        return self.user is not None and privilege.may_read(self.user.read_mask & self.mask, required)

    def deliver(self, raw: bytes, required: int) -> None:
        """Send an event, a whole message, now or after the running action if there is one.

        ``required`` is the mask of the classes that it needs.
        """
        self.activity.set()
        if not self.may_read(required):
            return
        # An action is answered before the events that happened after it arrived.
        if self._busy or self._requests or self.host.faults.stalled:
            self._held.append(raw)
        else:
            self.send(raw)

    def respond(self, request: Request, kind: str, *headers: tuple[str, object]) -> None:
        """Send a response: ``kind``, the ActionID if there is one, the headers."""
        encoded = [(name.encode(), str(value).encode("utf-8", "surrogateescape")) for name, value in headers]
        self.send(message.response(kind.encode(), request.action_id, *encoded))

    def succeed(self, request: Request, text: str) -> None:
        """Send ``Response: Success`` with this message."""
        self.respond(request, "Success", ("Message", text))

    def refuse(self, request: Request, text: str) -> None:
        """Send ``Response: Error`` with this message."""
        self.respond(request, "Error", ("Message", text))

    def send_list(
        self,
        request: Request,
        text: str,
        items: list[bytes],
        complete: str,
        *extra: tuple[str, object],
    ) -> None:
        """Send an event list: the response, the items, the event ``complete``."""
        self.respond(request, "Success", ("EventList", "start"), ("Message", text))
        dies_after = self.host.faults.take_list_death()
        if dies_after is not None:
            for raw in items[:dies_after]:
                self.send(raw)
            if self.host.faults.death_by_reset:
                self.reset()
            else:
                self.drop()
            return
        for raw in items:
            self.send(raw)
        end = [("EventList", "Complete"), ("ListItems", len(items)), *extra]
        self.send(item(complete, *self.identity(request), *end))

    def identity(self, request: Request) -> list[tuple[str, object]]:
        """The ActionID header for answers to a request; empty if the request had none."""
        return [("ActionID", request.text("ActionID"))] if request.action_id else []

    async def stirred(self) -> None:
        """Return as soon as an event waits to be sent, or the client has sent something."""
        if not self._held and not self._requests and not self._ended:
            self.activity.clear()
            await self.activity.wait()

    def release(self) -> None:
        """Send the events that waited for the end of the action."""
        if self._held:
            held, self._held = self._held, []
            self.send(b"".join(held))

    def send(self, raw: bytes) -> None:
        """Write whole messages, as the faults require; reset a client's connection if it reads too slowly."""
        if self.closing or self._transport is None:
            return
        if self.host.faults.lines_end_in_lf:
            raw = raw.replace(b"\r\n", b"\n")
        if self._pieces or self.host.faults.trickle:
            self._pieces.append(raw)
            if len(self._pieces) == 1:
                self.host.spawn(self._trickle())
            return
        self._transport.write(raw)
        if self._transport.get_write_buffer_size() > self.host.settings.max_unsent:
            self.reset()

    def close(self) -> None:
        """Close when everything is written."""
        self.closing = True
        self.activity.set()
        if self._transport is not None and not self._pieces:
            self._transport.close()

    # Called by the faults.

    def inject(self, raw: bytes) -> None:
        """Write these bytes unchanged, in any state of the session."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(raw)

    def reset(self) -> None:
        """End with RST."""
        if self._transport is not None:
            connection: socket.socket | None = self._transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.abort()

    def drop(self) -> None:
        """End with FIN, after everything already written."""
        self._pieces.clear()
        self.close()

    def abort(self) -> None:
        """End at once."""
        self.closing = True
        self._pieces.clear()
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Leave the socket unread."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again, and continue after a stall."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._resumed.set()
        if not self._busy:
            self.release()

    # The session's task, which runs the actions one after the other.

    async def _run(self) -> None:
        try:
            while not self.closing:
                if self._requests:
                    await self._serve(self._requests.popleft())
                elif self._ended:
                    self.close()
                else:
                    self.activity.clear()
                    await self.activity.wait()
        except Exception:
            # A client must not wait for ever if the simulator has failed; stop() raises the failure.
            self.abort()
            raise

    async def _serve(self, request: Request) -> None:
        self._busy = True
        faults = self.host.faults
        if faults.answer_delay:
            await asyncio.sleep(faults.answer_delay)
        while faults.stalled and not self.closing:
            self._resumed.clear()
            await self._resumed.wait()
        if not self.closing and not faults.take_ignored(request.action.lower()):
            await self._answer(request)
        self._busy = False
        if not request.get(b"suppressevents"):
            self.release()

    async def _answer(self, request: Request) -> None:
        action = request.action
        if request.problem is not None:
            self.refuse(request, request.problem.value)
        elif not action:
            self.refuse(request, "Missing action in request")
            self.announce("RequestBadFormat", "Error", ("RequestType", "Action: NONE"))
        elif self.user is None and action.lower() not in {b"login", b"challenge", b"logoff"}:
            self.refuse(request, "Permission denied")
            self._announce_denied(request)
        elif (offered := self.host.find(action)) is None:
            name = request.text("Action")[:511]
            self.refuse(
                request,
                f"Invalid/unknown command: {name}. Use Action: ListCommands to show available commands.",
            )
            self.announce("RequestBadFormat", "Error", ("RequestType", f"Action: {name}"))
        elif self.user and not privilege.may_write(self.user.write_mask, offered.classes):
            self.refuse(request, "Permission denied")
            self._announce_denied(request)
        else:
            await offered.run(self, request)

    def announce(self, name: str, severity: str, *headers: tuple[str, object], account: str = "") -> None:
        """Broadcast a security event about this session."""
        start: list[tuple[str, object]] = [
            ("EventTV", _stamp(self.host.pbx.clock())),
            ("Severity", severity),
            ("Service", "AMI"),
            ("EventVersion", 2 if name == "InvalidPassword" else 1),
            ("AccountID", account or (self.user.name if self.user else "")),
            ("SessionID", f"0x{id(self):x}"),
            ("LocalAddress", self._address("sockname")),
            ("RemoteAddress", self._address("peername")),
        ]
        end = ("SessionTV", _stamp(self.logged_in_at))
        self.host.broadcast(event(name, "security", *start, *headers, end))

    def _announce_denied(self, request: Request) -> None:
        self.announce("RequestNotAllowed", "Error", ("RequestType", f"Action: {request.text('Action')}"))

    def _address(self, which: str) -> str:
        found = self._transport.get_extra_info(which) if self._transport else None
        host, port = found[:2] if found else ("0.0.0.0", 0)  # noqa: S104 - shown, not bound
        return f"IPV{6 if ':' in host else 4}/TCP/{host}/{port}"

    async def _trickle(self) -> None:
        while self._pieces:
            raw = self._pieces[0]
            trickle = self.host.faults.trickle
            size = trickle.size if trickle else len(raw)
            self.inject(raw[:size])
            # Only this task changes the first piece, but drop and abort may clear all pieces.
            if len(raw) > size:
                self._pieces[0] = raw[size:]
            else:
                self._pieces.popleft()
            await asyncio.sleep(trickle.interval if trickle else 0)
        if self.closing and self._transport is not None:
            self._transport.close()


def _stamp(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds * 1000) % 1000:03}+0000"
