"""Call: one request of the JSON interface, read and judged, and how it is answered."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec

from amiproxy import log
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.clients.web.websessions import WebSessions
from amiproxy.core.hub import Hub
from amiproxy.net.doors.http.api.operator import Operator
from amiproxy.net.doors.http.api.problems import Refused, problem
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.responses import Headers, Response, is_known
from amiproxy.net.doors.http.site import Site

JSON: Final = b"application/json"
#: Most clients with certificates whose sessions are found again; past that, the oldest logs in once more.
_MOST_CERTIFICATES: Final = 4096
_NO_STORE: Final = (b"Cache-Control", b"no-store")


class Place:
    """What the routes of one listener work with."""

    def __init__(self, hub: Hub, site: Site, entrance: Entrance, operator: Operator) -> None:
        self.hub = hub
        self.web: WebSessions = hub.web
        self.site = site
        self.entrance = entrance
        self.operator = operator
        #: Fingerprint and address of clients with certificates -> the key of their session.
        self.by_certificate: dict[tuple[str, str], bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def keep_certificate(self, origin: tuple[str, str], key: bytes) -> None:
        """Find the session with this key by a client's certificate and address."""
        self.by_certificate.pop(origin, None)
        self.by_certificate[origin] = key
        if len(self.by_certificate) > _MOST_CERTIFICATES:
            del self.by_certificate[next(iter(self.by_certificate))]

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run this beside the loop's other work; it must not raise."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class Call:
    """``parts`` are those of the path, ``query`` the parameters, ``body`` the JSON as the route's type."""

    __slots__ = ("_session", "body", "exchange", "parts", "place", "query")

    def __init__(
        self,
        place: Place,
        exchange: Exchange,
        session: WebSession | None,
        parts: Mapping[str, str],
        query: Mapping[str, str],
        body: Any,
    ) -> None:
        self.place = place
        self.exchange = exchange
        self._session = session
        self.parts = parts
        self.query = query
        self.body = body

    @property
    def session(self) -> WebSession:
        """The web session of the client; not for a route that is open to everybody."""
        assert self._session is not None
        return self._session

    def answer(self, body: bytes, *headers: tuple[bytes, bytes], media: bytes = JSON) -> None:
        """Answer with this JSON."""
        self.exchange.respond(Response(200, ((b"Content-Type", media), _NO_STORE, *headers), body))

    def tell(self, value: object, *headers: tuple[bytes, bytes]) -> None:
        """Answer with this value as JSON."""
        self.answer(msgspec.json.encode(value), *headers)

    def nothing(self, *headers: tuple[bytes, bytes]) -> None:
        """Answer that it is done, without a body."""
        self.exchange.respond(Response(204, (_NO_STORE, *headers)))

    def answer_tagged(self, body: bytes, tag: bytes) -> None:
        """Answer with this JSON, unless the client has it already; ``tag`` is what it depends on."""
        etag = b'"%b"' % hashlib.sha256(tag).hexdigest()[:32].encode()
        if is_known(self.exchange.request, etag):
            self.exchange.respond(Response(304, ((b"ETag", etag), _NO_STORE)))
        else:
            self.answer(body, (b"ETag", etag))

    def refuse(self, status: int, detail: str = "", *, response: bytes = b"", headers: Headers = ()) -> None:
        """Answer with an error; see ``problem``."""
        self.exchange.respond(problem(status, detail, response=response, headers=headers))

    def run(self, action: bytes, then: Callable[[bytes], None]) -> None:
        """Run an AMI action; ``then`` is given its whole answer, b"" if the session ended without one.

        If the client leaves before, the answer is dropped.
        """
        cancel = self.session.run(action, self._guarded(then))
        self.exchange.on_gone(cancel)

    def begin(self, work: Coroutine[Any, Any, None], *, only_shows: bool = False) -> None:
        """Run this beside the loop's other work; it answers the request, or raises Refused.

        ``only_shows``: it changes nothing, so that it ends if the client leaves before the answer.
        """
        task = self.place.begin(self._guarding(work))

        def give_up() -> None:
            task.cancel()

        if only_shows:
            self.exchange.on_gone(give_up)

    def _guarded(self, then: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def call(data: bytes) -> None:
            try:
                then(data)
            except Refused as refused:
                self.exchange.respond(refused.response)
            except Exception as fault:
                self._failed(fault)

        return call

    async def _guarding(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Refused as refused:
            self.exchange.respond(refused.response)
        except Exception as fault:
            self._failed(fault)

    def _failed(self, fault: Exception) -> None:
        log.exception("fault", fault, where="api")
        self.refuse(500)
