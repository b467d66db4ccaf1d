"""JsonSpeech: the JSON messages of one WebSocket.

Whatever a client asks becomes AMI actions of its session.  Those that the door makes itself have ActionIDs
of their own, which nobody can guess; ``_expected`` says what becomes of their answers.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from amiproxy.ami.encodings.json import action_id_of, messages_in
from amiproxy.ami.encodings.jsonevents import event_message
from amiproxy.ami.errors import FilterSyntaxError
from amiproxy.ami.message import Message
from amiproxy.core.clients.local.narrowing import narrow, with_added
from amiproxy.net.doors.http.websocket import requests, texts
from amiproxy.net.doors.http.websocket.codes import BAD_MESSAGE, NOT_TEXT
from amiproxy.net.doors.http.websocket.frames import JSON, text
from amiproxy.net.doors.http.websocket.requests import NotJson, Request, UnfitRequest
from amiproxy.net.doors.http.websocket.sinks import Quiet, Response, Sink, Snapshot
from amiproxy.net.doors.http.websocket.speech import Speech, Unspeakable

#: Seconds after which a snapshot that is not to be had now is asked for again.
_RETRY: Final = 5.0
_EVENT: Final = b"Event:"


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Do not make it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client said in its handshake about the events that it wants."""

    #: ``classes`` and ``kinds`` as in the requests ``subscribe`` and ``snapshot``; and the last position that
    #: it knows, "" for none.
    request: Request
    last: str = ""


class JsonSpeech(Speech):
    """JSON messages, one in a text frame.  ``later`` calls something from the loop, so many seconds later."""

    mask = b"off"

    def __init__(
        self, wish: Wish, later: Callable[[float, Callable[[], None]], Timer], *, takes_actions: bool
    ) -> None:
        super().__init__(JSON)
        self._takes_actions = takes_actions
        self._wish = wish
        self._later: Callable[[float, Callable[[], None]], Timer] = later
        #: The answer that is being given.
        self._answering: Sink | None = None
        self._expected: dict[bytes, Sink] = {}
        self._prefix = secrets.token_hex(8)
        self._number = 0
        self._is_greeted = False
        #: Events that came before the greeting.
        self._early = b""
        self._retry: Timer | None = None
        #: Whether the client knows that there is no snapshot now.
        self._is_told = False

    def detach(self) -> None:
        """See Speech."""
        super().detach()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    # -- the beginning -----------------------------------------------------

    def begin(self) -> None:
        """The session is attached: greet the client, and send it what it wants, or ask it to log in."""
        session = self.session
        if session.principal.user is None:
            seconds = session.ctx.limits.login_timeout
            session.send(texts.message("login_required", timeout=seconds))
            return
        session.send(self._greeting() + self._early)
        self._early = b""
        if session.outbox.holding and self._answering is None:
            session.release(b"")  # an early event held them
        self._start()

    def _greeting(self) -> bytes:
        self._is_greeted = True
        session = self.session
        user = session.principal.user
        assert user is not None
        servers = [
            texts.ServerFacts(server.name, server.exchange.connected, server.boot.started)
            for server in session.servers
        ]
        wall = session.ctx.scheduler.wall()
        return texts.hello(user.name, servers, history=user.history, wall=wall)

    def _start(self) -> None:
        """Send the client what it has missed, or what there is, and then what happens."""
        request, last = self._wish.request, self._wish.last
        mask = requests.mask_of(request)
        if mask == "off":
            return
        if last:
            asked = Request("resume", b"", {"from": last})
            self._run_own(Quiet(self._resumed_first), lambda id_: requests.resume(asked, id_, mask))
        else:
            self._show()

    def _resumed_first(self, response: Message) -> bytes:
        if response.get(b"response") == b"Success":
            return texts.message("resumed")
        self._soon(self._show)
        return b""

    def _show(self) -> None:
        """Turn events on, and ask for a snapshot."""
        request = self._wish.request
        mask = requests.mask_of(request)
        self._run_own(Quiet(self._denied), lambda id_: requests.events(request, id_, mask))
        self._ask_snapshot()

    def _denied(self, response: Message) -> bytes:
        """What the client is told if its events cannot be turned on."""
        if response.get(b"response") == b"Success":
            return b""
        return _failure(b"", 403, response.get(b"message"))

    def _ask_snapshot(self) -> None:
        self._retry = None
        request = self._wish.request
        self._run_own(Snapshot(b"", self._no_snapshot), lambda id_: requests.snapshot(request, id_))

    def _no_snapshot(self, reason: bytes) -> bytes:
        """There is none now, such as before Asterisk has booted: ask again, and say so once."""
        if self._session is None:
            return b""
        self._retry = self._later(_RETRY, self._ask_snapshot)
        told, self._is_told = self._is_told, True
        return b"" if told else _failure(b"", 503, reason)

    def _soon(self, call: Callable[[], None]) -> None:
        """Call this from the loop: an answer is being given now."""
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self._later(0.0, call)

    def tick(self) -> None:
        """See Speech: a client without events is sent no heartbeats by the core."""
        if self._is_greeted and self.session.subscription is None:
            self.session.send(texts.message("heartbeat"))

    # -- what the client sends ---------------------------------------------

    def take(self, payload: bytes, *, is_text: bool) -> None:
        """See Speech."""
        if not is_text:
            raise Unspeakable(NOT_TEXT, "messages are text")
        try:
            request = requests.request_in(payload)
            self._carry_out(request)
        except NotJson as error:
            raise Unspeakable(BAD_MESSAGE, str(error)) from None
        except UnfitRequest as error:
            self.session.send(texts.error(error.action_id, 400, str(error)))

    def _carry_out(self, request: Request) -> None:
        kind, action_id, session = request.kind, request.action_id, self.session
        if kind == "ping":
            session.send(texts.message("pong", **_id_of(action_id)))
        elif kind == "action" and not self._takes_actions:
            session.send(texts.error(action_id, 403, "this WebSocket takes no actions"))
        elif kind == "action":
            if session.principal.user is None and requests.is_login(request):
                request = request._replace(members={**request.members, "Events": "off"})
            self._run(requests.action(request, action_id))
        elif kind == "login":
            outcome = Quiet(lambda response: self._logged_in(action_id, response))
            self._run_own(outcome, lambda id_: requests.login(request, id_))
        elif session.principal.user is None:
            session.send(texts.error(action_id, 401, "log in first"))
        elif kind == "subscribe":
            self._subscribe(request)
        elif kind == "resume":
            self._resume(request)
        else:
            shown = Snapshot(action_id, lambda reason: _failure(action_id, 503, reason))
            self._run_own(shown, lambda id_: requests.snapshot(request, id_))

    def _logged_in(self, action_id: bytes, response: Message) -> bytes:
        if response.get(b"response") == b"Success":
            return b""  # the greeting follows
        return _failure(action_id, 401, response.get(b"message"))

    def _subscribe(self, request: Request) -> None:
        session, mask, added = self.session, requests.mask_of(request), requests.filters(request)
        turns_on = "classes" in request.members or (bool(added) and session.subscription is None)
        if not added and not turns_on:
            raise UnfitRequest("classes, events and filter are missing", request.action_id)
        if added:
            # Not by the action Filter, which Asterisk permits only with class system: to see less needs none.
            try:
                filters = with_added(session, added)
            except FilterSyntaxError as error:
                raise UnfitRequest(str(error), request.action_id) from None
            narrow(session, filters)
        if turns_on:
            done = partial(_subscribed, request.action_id)
            self._run_own(Quiet(done), lambda id_: requests.events(request, id_, mask))
        else:
            session.send(_done(request.action_id))

    def _resume(self, request: Request) -> None:
        mask = requests.mask_of(request)

        def resumed(response: Message) -> bytes:
            if response.get(b"response") == b"Success":
                return texts.message("resumed", **_id_of(request.action_id))
            return _failure(request.action_id, 410, response.get(b"message"))

        requests.resume(request, b"", mask)  # raises if it is not fit, before events are turned off
        self._run_own(Quiet(lambda _: b""), lambda id_: requests.events(request, id_, "off"))
        self._run_own(Quiet(resumed), lambda id_: requests.resume(request, id_, mask))

    # -- actions -----------------------------------------------------------

    def _run_own(self, sink: Sink, build: Callable[[bytes], bytes]) -> None:
        """Run an action of the door's own, given the ActionID that it has; its answer goes to this sink."""
        self._number += 1
        action_id = f"{self._prefix}-{self._number}".encode()
        action = build(action_id)
        self._expected[action_id] = sink
        self._run(action)

    def _run(self, action: bytes) -> None:
        if self._session is not None:
            self._session.receive(action)

    # -- see AnswerWriter --------------------------------------------------

    def banner(self, banner: bytes) -> bytes:
        """See AnswerWriter: there is none."""
        return b""

    def answer(self, data: bytes) -> bytes:
        """See AnswerWriter."""
        frames = []
        for raw in messages_in(data):
            if self._answering is None and raw.startswith(_EVENT):
                frames.append(self._alone(raw))
                continue
            if self._answering is None:
                self._answering = self._expected.pop(action_id_of(raw), None) or Response()
            frames.append(self._answering.take(raw))
        return b"".join(frames)

    def _alone(self, raw: bytes) -> bytes:
        """An event for this client alone."""
        frame = text(event_message(raw))
        if self._is_greeted:
            return frame
        self._early += frame
        return b""

    def link(self, event: bytes) -> bytes:
        """See AnswerWriter.  Before the greeting nothing is sent, because that says which servers are up."""
        return text(event_message(event)) if self._is_greeted else b""

    def ended(self) -> bytes:
        """See AnswerWriter."""
        sink, self._answering = self._answering, None
        frames = sink.end() if sink is not None else b""
        if not self._is_greeted and self._session is not None and self._session.principal.user is not None:
            frames += self._greeting()
            self.logged_in()
            self._soon(self._start)
        return frames


def _subscribed(action_id: bytes, response: Message) -> bytes:
    if response.get(b"response") != b"Success":
        return _failure(action_id, 403, response.get(b"message"))
    return _done(action_id)


def _done(action_id: bytes) -> bytes:
    return texts.message("response", **_id_of(action_id), data={"Response": "Success"})


def _failure(action_id: bytes, status: int, reason: bytes) -> bytes:
    return texts.error(action_id, status, reason.decode("utf-8", "replace"))


def _id_of(action_id: bytes) -> dict[str, str]:
    return {"id": action_id.decode()} if action_id else {}
