"""HttpConnection: the HTTP/1 door, one request after the other on one connection."""

import asyncio
import secrets
import socket
from functools import partial

from amiproxy import log
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.model.share import Share
from amiproxy.core.ports import Peer
from amiproxy.net.doors.http.exchange import TakenStream, Taker
from amiproxy.net.doors.http.forwarding import request_of
from amiproxy.net.doors.http.heads import Head, Refused
from amiproxy.net.doors.http.reading import RequestReader
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Response, encoded, plain
from amiproxy.net.doors.http.serving import HttpExchange, Taken
from amiproxy.net.doors.http.site import Site
from amiproxy.net.doors.http.unsent import Unsent
from amiproxy.net.doors.pool import LOGIN_TIMEOUT
from amiproxy.net.doors.tlsconnection import TlsAcceptor, TlsConnection
from amiproxy.net.loop.alarm import Alarm

#: Most requests of one connection that are begun in one turn of the loop.
_TURN = 16
#: Seconds that a client which sends no more may still be interested in its answer.
_LINGERING = 1.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection(TlsConnection):
    """One client of an HTTP listener; ``partial(HttpConnection, site, acceptor)`` is a ``ConnectionFactory``.

    It is the DataReceiver of its stream.  While a request is answered, the next ones wait, up to a bound.
    """

    __slots__ = (
        "_alarm",
        "_begun",
        "_closing",
        "_draining",
        "_ended",
        "_exchange",
        "_head",
        "_is_authenticated",
        "_is_judged",
        "_loop",
        "_over",
        "_paused",
        "_reader",
        "_secure",
        "_site",
        "_streams_for",
        "_taker",
        "_turn_due",
        "_unsent",
        "id",
    )

    def __init__(self, site: Site, acceptor: TlsAcceptor, sock: socket.socket, peer: Peer) -> None:
        super().__init__(acceptor, sock, peer)
        self._site = site
        self._loop = asyncio.get_running_loop()
        self.id = secrets.token_hex(6)
        self._reader = RequestReader()
        #: Of the request whose body is awaited.
        self._head: Head | None = None
        #: The request that is being answered.
        self._exchange: HttpExchange | None = None
        self._taker: Taker | None = None
        #: What the connection was given to the taker for.
        self._streams_for = ""
        self._is_authenticated = self._is_judged = self._secure = False
        #: The response that is being sent is the last one.
        self._closing = False
        self._draining = False
        #: The client sends no more.
        self._ended = False
        #: The end: nothing is read or sent any more.
        self._over = False
        self._paused = self._turn_due = False
        self._unsent = Unsent(self._stream, self._pool.backlog, self._reached, self.lost)
        self._alarm = Alarm(self._loop)
        #: Part of a head has arrived, and its time runs.
        self._begun = False

    # -- see Connection and TlsConnection ----------------------------------

    @property
    def is_authenticated(self) -> bool:
        """See Connection."""
        return self._is_authenticated

    @property
    def is_idle(self) -> bool:
        """See Connection; between two requests as well as before the first."""
        waits = self._is_ready and self._stream.is_established and self._head is None
        return self._stream.is_lingering or (waits and not self._reader.buffered)

    def established(self) -> "HttpConnection":
        """See TlsConnection."""
        self._secure = bool(self.peer.tls)
        self._pool.greeted(self)
        self._alarm.set(self._pool.limits.http_seconds, self._close)
        return self

    def displaced(self, reason: str) -> None:
        """See TlsConnection."""
        if reason == LOGIN_TIMEOUT and self.is_idle:
            self._close()  # such as a health check, or a connection that a browser opened in advance
        else:
            self.lost(reason)

    def certificate_refused(self, reason: str) -> None:
        """See TlsConnection."""
        if self._taker is not None:
            self._taker.dismiss(reason)
        elif self._exchange is not None:
            self.lost(reason)  # its answer may be events that happen only after this
        else:
            self.drain()

    def drain(self) -> None:
        """See Connection: end as soon as the request that is being answered has its answer."""
        self._draining = True
        if self._taker is None and self._exchange is None and not self._unsent.size and not self._over:
            self._close()

    def gone(self) -> None:
        """See StreamOwner."""
        self._end()
        taker, self._taker = self._taker, None
        if taker is not None:
            self._pool.requests.streams[self._streams_for] -= 1
            taker.gone()
        super().gone()

    # -- from the stream: see DataReceiver ---------------------------------

    def receive(self, data: bytes) -> None:
        """See DataReceiver."""
        if self._taker is not None:
            self._taker.receive(data)
        elif not self._over and not self._closing:
            self._reader.feed(data)
            self._advance()

    def writable(self) -> bool:
        """See DataReceiver."""
        if self._taker is not None:
            return self._taker.writable()
        if self._over:
            return False
        more = self._unsent.send()
        if self._unsent.size:
            self._alarm.set(self._pool.limits.outbox_stall, self._stalled)
        else:
            self._sent()
            self._advance()
        return more

    def ended(self) -> None:
        """See DataReceiver: what the client has asked is still answered, if that does not take long."""
        if self._taker is not None:
            self._taker.ended()
            return
        self._ended = True
        if self._over or self._closing:
            return
        if self._exchange is None and not self._unsent.size:
            self._close()
        elif self._exchange is not None:
            self._alarm.set(_LINGERING, partial(self.lost, "client closed"))

    def lost(self, reason: str) -> None:
        """See DataReceiver."""
        if self._taker is not None:
            self._taker.lost(reason)
            return
        self._end()
        self._stream.abort()

    # -- requests ----------------------------------------------------------

    def _advance(self) -> None:
        """Begin the requests that have arrived, in their order, each when the one before has its answer."""
        left = _TURN
        while left and not self._turn_due and self._is_ready:
            left -= 1
            try:
                if not self._read():
                    break
            except Refused as refused:
                self._refuse(plain(refused.status, str(refused), close=True))
        if not left and self._is_ready and not self._turn_due:
            self._turn_due = True
            share = self._pool.poller.shares.of_network(network_of(self.peer.address))
            self._pool.poller.shares.later(share, self._next_turn)
        self._hold_back()

    @property
    def _is_ready(self) -> bool:
        """Whether the next request may be begun."""
        busy = self._exchange is not None or self._unsent.size or self._taker is not None
        return not (busy or self._over or self._closing)

    def _next_turn(self) -> None:
        self._turn_due = False
        self._advance()

    def _read(self) -> bool:
        """Begin the next request; False if more of it has to come."""
        limits = self._pool.limits
        if self._head is None:
            begun = self._reader.buffered > 0
            head = self._reader.head(limits)
            if head is None:
                if begun and not self._begun:
                    self._begun = True
                    self._alarm.set(limits.http_seconds, self._too_slow)
                return False
            self._head = head
            self._begun = False
            self._alarm.set(limits.http_seconds, self._too_slow)
            if not self._expects(head):
                return True
        body = self._reader.body(limits)
        if body is None:
            return False
        head, self._head = self._head, None
        self._begin(self._request(head, body))
        return True

    def _expects(self, head: Head) -> bool:
        """Answer what the client asks before it sends the body; False if the request is refused now."""
        expected = [value.lower() for value in head.values(b"expect")]
        if not expected or head.http10:
            return True
        if expected != [b"100-continue"]:
            raise Refused(417, "the only expectation is 100-continue")
        refused = self._site.refusal(self._request(head, b""))
        if refused is not None:
            self._refuse(refused)  # it is not known whether the body will come
            return False
        if head.length != 0 and not self._reader.buffered:
            self._push(_CONTINUE)
        return True

    def _request(self, head: Head, body: bytes) -> Request:
        return request_of(head, body, self.peer, self._site.trusted, secure=self._secure)

    def _begin(self, request: Request) -> None:
        self._alarm.clear()
        self._pool.spoke(self)
        exchange = HttpExchange(request, self, closes=request.asks_to_close or self._draining)
        self._exchange = exchange
        try:
            self._site.serve(exchange)
        except Refused as refused:
            exchange.respond(plain(refused.status, str(refused), close=True))
        except Exception as fault:
            log.exception("fault", fault, session=self.id, path=request.path.decode("latin-1"))
            exchange.respond(plain(500, "internal error", close=True))

    def _refuse(self, response: Response) -> None:
        """Answer what cannot be served, and end: where the next request begins is not known."""
        self._head = None
        self._closing = True
        self._pool.requests.answer("other", response.status)
        self._send(self._site.finished(None, response), head_only=False)

    def _hold_back(self) -> None:
        """Stop reading while a client sends many requests ahead of their answers."""
        full = self._reader.buffered > self._pool.limits.http_head_bytes and not self._is_ready
        if full != self._paused and not self._over and self._taker is None:
            self._paused = full
            if full:
                self._stream.pause()
            else:
                self._stream.resume()

    # -- from the exchange -------------------------------------------------

    def answer(self, exchange: HttpExchange, response: Response) -> None:
        """See HttpExchange; so the following four."""
        if exchange is not self._exchange or self._over:
            return
        self._exchange = None
        if self._is_judged and not self._is_authenticated:
            self._is_judged = False
            self._pool.unproven(self)
        request = exchange.request
        self._pool.requests.answer(self._site.asked(request), response.status)
        self._closing = self._closing or exchange.closes or response.close or self._draining or self._ended
        self._send(self._site.finished(request, response), head_only=request.method == "HEAD")
        if not self._turn_due and self._is_ready and self._reader.buffered:
            # Not within the handler: it may still hold on to what it did for this request.
            self._turn_due = True
            self._loop.call_soon(self._next_turn)
        self._hold_back()

    def prove(self) -> None:
        """The client has proved who it is."""
        if not self._is_authenticated and not self._over:
            self._is_authenticated = True
            self._pool.authenticated(self)

    def judge(self) -> None:
        """The client's secret is being compared."""
        if not self._over and not self._is_authenticated:
            self._is_judged = True
            self._pool.judged(self)

    def charge(self, share: Share) -> None:
        """Charge reads and writes to this share."""
        if not self._over:
            self._stream.charge(share)

    def give(self, exchange: HttpExchange, head: bytes, taker: Taker) -> TakenStream:
        """Give the connection to a Taker."""
        if exchange is not self._exchange or self._over:
            self._loop.call_soon(taker.lost, "client closed")
            return Taken(exchange.request.peer, None)
        self._exchange = None
        self._alarm.clear()
        self._streams_for = self._site.asked(exchange.request)
        self._pool.requests.streams[self._streams_for] += 1
        self._pool.requests.answer(self._streams_for, int(head[9:12]))
        self._taker = taker
        if self._stream.send(head) < len(head):
            # Whoever asks for this has read all answers before, so there is room for the head.
            self._loop.call_soon(taker.lost, "client does not read")
            return Taken(exchange.request.peer, None)
        if self._paused:
            self._paused = False
            self._stream.resume()
        if self._reader.buffered:
            self._loop.call_soon(self._give_rest)
        if self._ended:
            self._loop.call_soon(taker.ended)
        return Taken(exchange.request.peer, self._stream)

    def _give_rest(self) -> None:
        if self._taker is not None and not self._over:
            self._taker.receive(self._reader.rest())

    # -- sending -----------------------------------------------------------

    def _send(self, response: Response, *, head_only: bool) -> None:
        self._push(encoded(response, head_only=head_only, close=self._closing))
        if not self._unsent.size and not self._over:
            self._sent()

    def _push(self, data: bytes) -> None:
        self._unsent.push(data)
        self._unsent.make_room(self._pool.limits.outbox_total)
        if self._unsent.size:
            self._alarm.set(self._pool.limits.outbox_stall, self._stalled)

    def _sent(self) -> None:
        """Everything is sent: wait for the next request, or end."""
        if self._closing:
            self._close()
        elif self._head is not None:
            self._alarm.set(self._pool.limits.http_seconds, self._too_slow)
        elif self._exchange is None:
            self._alarm.set(self._pool.limits.http_keepalive, self._close)

    # -- time --------------------------------------------------------------

    def _reached(self, limit: str) -> None:
        self._pool.limit_reached(limit, self.peer.address)

    def _too_slow(self) -> None:
        self._reached("http_seconds")
        self._refuse(plain(408, "the request took too long", close=True))

    def _stalled(self) -> None:
        self._reached("outbox_stall")
        self.lost("outbox_stall")

    # -- the end -----------------------------------------------------------

    def _close(self) -> None:
        """End in good order: everything is sent."""
        self._end()
        self._pool.departs(self)
        self._stream.close()

    def _end(self) -> None:
        """No more requests, answers or timeouts."""
        if self._over:
            return
        self._over = True
        self._alarm.cancel()
        self._unsent.discard()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_left()
