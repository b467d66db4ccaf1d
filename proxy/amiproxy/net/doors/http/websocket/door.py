"""The door: who may open a WebSocket.

The client is, in this order: the holder of a ticket, of a session's cookie, of a name and a secret
(``Authorization: Basic``), or of a client certificate.  Otherwise it logs in with its first message.  A
browser sends all but the first by itself, whatever page asks it to: so they count only for our own pages and
those of ``allowed_origins``.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from amiproxy.core.clients.login import REFUSAL_DELAY
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.session import Session
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.hub import Hub
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.origins import is_foreign
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Headers, Response, plain
from amiproxy.net.doors.http.site import Route, Site
from amiproxy.net.doors.http.websocket.connection import WebSocketConnection
from amiproxy.net.doors.http.websocket.handshake import JSON, RAW, Accepted, accepted, parameters_in, wish_of
from amiproxy.net.doors.http.websocket.jsonspeech import JsonSpeech
from amiproxy.net.doors.http.websocket.requests import UnfitRequest
from amiproxy.net.doors.http.websocket.speech import RawSpeech, Speech

#: The cookie of a session of the JSON interface, which is also that of the page.
_COOKIE: Final = b"__Host-amiproxy_session"
_BASIC: Final = b"basic "
_FOREIGN: Final = "the request was made by a page of another site"


class Terms(NamedTuple):
    """What clients may do at one path."""

    path: str
    #: Whether they may run actions, and speak AMI itself; otherwise they only look.
    takes_actions: bool
    #: The cookies of sessions that count.
    cookies: tuple[bytes, ...]


#: For programs, and for pages that operators write; these may have logged in by AJAM.
FULL: Final = Terms("/ws", takes_actions=True, cookies=(b"mansession_id", _COOKIE))
#: For the page that the proxy serves itself.
LOOKING: Final = Terms("/page/ws", takes_actions=False, cookies=(_COOKIE,))


def route(site: Site, hub: Hub, entrance: Entrance, terms: Terms, headers: Headers = ()) -> Route:
    """What offers WebSockets on these terms, for their path; ``headers`` are those of refusals."""
    door = _Door(site, hub, entrance, terms)
    # The origin does not matter for all clients.
    return Route(door.serve, ("GET",), checks_origin=False, asked=entrance.door, headers=headers)


def routes(site: Site, hub: Hub, entrance: Entrance) -> None:
    """Offer WebSockets at ``/ws``."""
    site.add(FULL.path, route(site, hub, entrance, FULL))


class _Door:
    def __init__(self, site: Site, hub: Hub, entrance: Entrance, terms: Terms) -> None:
        self._site = site
        self._terms = terms
        self._spoken = (JSON, *RAW) if terms.takes_actions else (JSON,)
        self._hub = hub
        self._entrance = entrance

    def serve(self, exchange: Exchange) -> None:
        """See Handler."""
        request = exchange.request
        handshake = accepted(request, self._spoken)
        if isinstance(handshake, Response):
            exchange.respond(handshake)
            return
        parameters = parameters_in(request.query)
        if parameters is None:
            exchange.respond(plain(400, "the parameters are ticket, last, classes and kinds"))
            return
        try:
            make = self._speech(handshake, parameters)
        except UnfitRequest as error:
            exchange.respond(plain(400, str(error)))
            return
        enter = partial(self._open, exchange, handshake, make)
        if "ticket" in parameters:
            ticket = parameters["ticket"].encode()
            session = self._hub.web.redeem(ticket, request.peer, self._entrance)
            if session is None:
                exchange.respond(plain(401, "the ticket is not valid"))
            else:
                enter(session)
            return
        self._by_what_browsers_send(exchange, enter)

    def _by_what_browsers_send(self, exchange: Exchange, enter: Callable[[WebSession | None], None]) -> None:
        request, web = exchange.request, self._hub.web
        is_ours = not is_foreign(request, self._site.settings.allowed_origins)
        for name, value in request.cookies:
            if name in self._terms.cookies:
                session = web.find(value.strip(b'"'), request.peer, self._entrance) if is_ours else None
                if session is not None:
                    enter(session)
                    return
                if not is_ours:
                    exchange.respond(plain(403, _FOREIGN))
                    return
        pair = _basic_of(request)
        if pair is not None:
            if not is_ours:
                exchange.respond(plain(403, _FOREIGN))
                return
            self._by_basic(exchange, pair, enter)
            return
        certificate = request.peer.certificate
        user = self._hub.ctx.users.of_certificate(certificate) if certificate is not None else None
        if user is not None:
            if not is_ours:
                exchange.respond(plain(403, _FOREIGN))
                return
            entered = web.enter(request.peer, self._entrance, user.name.encode(), "certificate")
            if isinstance(entered, str):
                refused = plain(401, "the user of this certificate may not log in here")
                asyncio.get_running_loop().call_later(REFUSAL_DELAY, exchange.respond, refused)
                return
            enter(entered)
            return
        enter(None)

    def _by_basic(
        self, exchange: Exchange, pair: tuple[bytes, bytes], enter: Callable[[WebSession | None], None]
    ) -> None:
        def done(session: WebSession | None, answer: bytes) -> None:
            if session is not None:
                enter(session)
            elif answer:
                challenge = b"WWW-Authenticate", b'Basic realm="amiproxy", charset="UTF-8"'
                exchange.respond(plain(401, "authentication failed", challenge))
            else:
                exchange.respond(plain(503, "too many logins at once", (b"Retry-After", b"1")))

        exchange.judged()
        exchange.on_gone(self._hub.web.basic(exchange.request.peer, self._entrance, *pair, done))

    def _speech(self, handshake: Accepted, parameters: dict[str, str]) -> Callable[[], Speech]:
        """What makes the speech of the connection.  Raises UnfitRequest."""
        if not handshake.is_json:
            return RawSpeech
        wish, takes_actions = wish_of(parameters), self._terms.takes_actions
        return lambda: JsonSpeech(wish, asyncio.get_running_loop().call_later, takes_actions=takes_actions)

    def _open(
        self, exchange: Exchange, handshake: Accepted, make: Callable[[], Speech], client: WebSession | None
    ) -> None:
        """Open the WebSocket of this client; None: it is to log in."""
        speech, most = make(), self._hub.limits.websocket_message_bytes
        connection = WebSocketConnection(exchange, speech, asyncio.get_running_loop(), most)

        def open_(transport: WebSocketConnection) -> Session | str:
            if client is None:
                return self._hub.attach(transport, self._entrance)
            return client.open(transport, self._entrance, speech.mask)

        connection.start(handshake.head, open_)


def _basic_of(request: Request) -> tuple[bytes, bytes] | None:
    """Name and secret of an ``Authorization: Basic`` header; None if there is none that can be read."""
    value = request.header(b"authorization")
    if value[: len(_BASIC)].lower() != _BASIC:
        return None
    try:
        name, colon, secret = base64.b64decode(value[len(_BASIC) :].strip(), validate=True).partition(b":")
    except binascii.Error:
        return None
    return (name, secret) if colon else None
