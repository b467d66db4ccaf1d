"""Client: the TLS socket of one session.

A non-blocking ``ssl.SSLSocket`` on the ``add_reader``/``add_writer`` of
``FairPoller``:
OpenSSL writes directly to the kernel, with no asyncio transport in between.  Of the
alternatives measured this one takes the least CPU and memory, and it leaves no
buffers behind after aborted handshakes.

Two properties of OpenSSL shape this file.  After a read there may be decrypted data
inside OpenSSL that the loop cannot see, so reading continues while there is.  (OpenSSL
takes at most one record at a time from the kernel, and the loop sees what is left there.)
After a write that OpenSSL did not accept, the next write must begin with the same bytes;
more may follow them.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from amiproxy import log
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.clients.dismissal import dismiss
from amiproxy.core.limits.shares import Shares
from amiproxy.core.model.share import Share
from amiproxy.core.ports import Peer
from amiproxy.net.loop.fairpoller import FairPoller
from amiproxy.net.loop.scheduler import LoopScheduler
from amiproxy.net.tls.clientcertificate import shown_certificate

if TYPE_CHECKING:
    from amiproxy.core.clients.session import Session

_READ_BYTES = 16384  # one TLS record; a read never returns more
#: Records read from one client in one turn.
_READS_PER_TURN = 8
#: Seconds for which a client may continue to send after our close.
_LINGER_SECONDS = 2.0
#: Value of SO_LINGER with which close() sends RST at once.
RESET = struct.pack("ii", 1, 0)
#: Failure reason of a handshake for which the client sent more than ``limits.handshake_bytes``.
OVERLONG_HANDSHAKE = "handshake too long"
#: Offset of ``tcpi_bytes_received`` in Linux's ``struct tcp_info`` (linux/tcp.h, since 4.1).
_BYTES_RECEIVED = struct.Struct("=128xQ")
#: Limit of consecutive readable events without data.  A TLS record has fewer bytes, so even one that
#: arrives byte by byte stays below.
_FRUITLESS_READS = 1 << 15
#: The same before login, when all that a client has to send fits into ``limits.login_bytes``.
_FRUITLESS_READS_OF_STRANGERS = 1 << 12

#: Returns why a client's chain (DER, leaf first) is not acceptable now; None if it is.
Objection = Callable[[Sequence[bytes]], str | None]


class Client:
    """One accepted connection, from the TLS handshake to its end; a Transport for its session.

    ``established`` is called once when the handshake is complete, and returns the session;
    ``failed`` is called once instead if the handshake fails; ``gone`` is called once, last.
    ``begun`` is called whenever part of the handshake has arrived and more is needed.
    """

    __slots__ = (
        "__weakref__",
        "_begun",
        "_chain",
        "_closing",
        "_established",
        "_failed",
        "_fd",
        "_fruitless",
        "_gone",
        "_handshake_bytes",
        "_linger",
        "_loop",
        "_objection",
        "_paused",
        "_pending",
        "_poller",
        "_read",
        "_read_blocked",
        "_reading",
        "_scheduled",
        "_session",
        "_share",
        "_socket",
        "_writing",
        "accepted",
        "peer",
        "write",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: ssl.SSLSocket,
        peer: Peer,
        established: Callable[["Client"], "Session"],
        failed: Callable[["Client", str], None],
        gone: Callable[["Client"], None],
        *,
        handshake_bytes: int = 16384,
        objection: Objection = lambda _: None,
        poller: FairPoller | None = None,
        begun: Callable[["Client"], None] = lambda _: None,
    ) -> None:
        self._loop = loop
        self._begun = begun
        self._poller = poller if poller is not None else FairPoller(Shares(LoopScheduler(loop)))
        #: The fair share that this connection's processing time is charged to.
        self._share = self._poller.shares.of_network(network_of(peer.address))
        self._socket = sock
        self._fd = sock.fileno()
        self._established = established
        self._failed = failed
        self._gone = gone
        self._handshake_bytes = handshake_bytes
        self._objection = objection
        self._chain: tuple[bytes, ...] = ()
        # SSLSocket.send and recv wrap these in two more Python calls, per client and batch of events.
        connection = getattr(sock, "_sslobj", None) or sock
        #: See Transport.
        self.write: Callable[[bytes | memoryview], int] = connection.write
        self._read: Callable[[int], bytes] = connection.read
        #: Returns the number of bytes that are decrypted but not read.
        self._pending: Callable[[], int] = connection.pending
        self._session: Session | None = None
        self._paused = False
        self._reading = False
        #: OpenSSL must write before it can continue to read.
        self._read_blocked = False
        #: Another turn of reading is scheduled.
        self._scheduled = False
        self._writing = False
        self._closing = False
        self._linger: asyncio.TimerHandle | None = None
        #: Reads since the last one that returned data.
        self._fruitless = 0
        self.peer = peer
        self.accepted = loop.time()

    @property
    def is_authenticated(self) -> bool:
        """Whether the session has logged in."""
        return self._session is not None and self._session.user is not None

    def start(self) -> None:
        """Start the handshake as soon as the client has sent something."""
        self._listen(self._handshake)

    # -- handshake ---------------------------------------------------------

    def _handshake(self) -> None:
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._stop_writing()
            self._begun(self)
            if _received(self._socket) > self._handshake_bytes:
                self.displace(OVERLONG_HANDSHAKE)
            return
        except ssl.SSLWantWriteError:
            self._want_write(self._handshake)
            return
        except (OSError, ValueError) as error:
            self._failed(self, _reason_of(error))
            self._end()  # no reset: the client must receive OpenSSL's alert, which says what is wrong
            return
        self._stop_writing()
        version, cipher = self._socket.version(), self._socket.cipher()
        self.peer = self.peer._replace(tls=f"{version}/{cipher[0]}" if version and cipher else "")
        self._stop_listening()
        objection = self._look_at_certificate()
        if objection is not None:
            self._failed(self, objection)
            self._end()
            return
        self._session = self._established(self)
        if self._fd >= 0 and not self._closing and not self._paused:
            self._listen(self._readable)
            self._readable()  # data that came with the last flight is inside OpenSSL already

    def _look_at_certificate(self) -> str | None:
        """Record the client's certificate, if it sent one; return why it is not acceptable, or None."""
        try:
            shown = shown_certificate(self._socket)
        except ValueError:
            return "client certificate cannot be read"
        if shown is None:
            return None
        self._chain = shown.chain
        self.peer = self.peer._replace(certificate=shown.identity)
        return self._objection(shown.chain)

    @property
    def has_certificate(self) -> bool:
        """Whether the client presented a certificate."""
        return bool(self._chain)

    def judge_certificate(self) -> None:
        """Check the client's certificate again, and end the session if it is no longer acceptable."""
        if self._session is None or not self._chain:
            return
        objection = self._objection(self._chain)
        if objection is not None:
            dismiss(self._session, objection)

    def displace(self, reason: str) -> None:
        """End a client that has not logged in, or one that is already closing, at once."""
        if self._linger is not None:
            self._end(reset=True)
        elif self._session is not None:
            self._session.close(reason, abort=True)
        elif self._fd >= 0:
            self._failed(self, reason)
            self._end(reset=True)

    # -- reading -----------------------------------------------------------

    def _readable(self) -> None:
        session = self._session
        assert session is not None
        for _ in range(_READS_PER_TURN):
            if self._paused or self._closing or self._fd < 0:
                return
            try:
                data = self._read(_READ_BYTES)
            except ssl.SSLEOFError:
                data = b""  # end of the connection without a close_notify
            except ssl.SSLWantReadError:
                self._fruitless += 1
                if self._fruitless > self._fruitless_reads:
                    self._lose("nothing but TLS records without data")
                return
            except ssl.SSLWantWriteError:
                # The client makes OpenSSL answer (KeyUpdate) but does not read: if we continued to
                # wait for input, the loop would find the socket readable again and again.
                self._read_blocked = True
                self._stop_listening()
                self._want_write(self._writable)
                return
            except OSError as error:
                self._lose(_reason_of(error))
                return
            if not data:
                self._at_end(session)
                return
            self._fruitless = 0
            try:
                session.receive(data)
            except Exception as fault:
                self._break(session, fault)
                return
            if not self._pending():
                return
            if self._poller.over:
                break
        self._schedule()

    @property
    def _fruitless_reads(self) -> int:
        return _FRUITLESS_READS if self.is_authenticated else _FRUITLESS_READS_OF_STRANGERS

    def _break(self, session: "Session", fault: Exception) -> None:
        """Handle a bug of ours: end this one session, because its state is unknown."""
        log.exception("fault", fault, session=session.id)
        try:
            session.lost("fault")
        finally:
            self.abort()

    def _at_end(self, session: "Session") -> None:
        self._stop_listening()
        try:
            # ``ssl`` reports a reset as an end, too; but after an orderly end the socket is still connected.
            self._socket.getpeername()
        except OSError:
            session.lost("connection reset by peer")
        else:
            session.ended()

    def _schedule(self) -> None:
        # At most one turn is scheduled: a client that sends without pause does not get more of them.
        if not self._scheduled:
            self._scheduled = True
            self._poller.shares.later(self._share, self._scheduled_read)

    def _scheduled_read(self) -> None:
        self._scheduled = False
        if self._session is not None:
            self._readable()

    def pause(self) -> None:
        """See Transport."""
        if not self._paused:
            self._paused = True
            self._stop_listening()

    def charge(self, share: Share) -> None:
        """See Transport."""
        self._share = share
        self._poller.charge(self._fd, share)

    def resume(self) -> None:
        """See Transport."""
        if self._paused:
            self._paused = False
            if self._fd >= 0 and not self._closing:
                self._listen(self._readable)
                if self._pending():
                    self._schedule()  # the poll does not know about data that is already decrypted

    # -- writing -----------------------------------------------------------

    def send(self, data: bytes | memoryview) -> int:
        """See Transport."""
        if self._fd < 0 or self._closing:
            return len(data)
        total = len(data)
        taken = 0
        try:
            taken = self.write(data)
            if taken < total:  # OpenSSL takes at most one record per call
                view = memoryview(data)
                while taken < total:
                    taken += self.write(view[taken:])
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            self._want_write(self._writable)
        except OSError as error:
            # Notify the session from the loop, not from inside its own call.
            self._loop.call_soon(self._lose, _reason_of(error))
            return total
        return taken

    def _writable(self) -> None:
        self._stop_writing()
        if self._read_blocked:
            self._read_blocked = False
            if not self._paused:
                self._listen(self._readable)
                self._schedule()
        if self._session is not None and self._session.writable():
            self._want_write(self._writable)

    # -- the end -----------------------------------------------------------

    def _lose(self, reason: str) -> None:
        if self._session is not None and self._fd >= 0:
            if self._closing:
                self._end()
            else:
                self._session.lost(reason)

    def close(self) -> None:
        """See Transport.  Input is still read and discarded for up to ``_LINGER_SECONDS``.

        A socket that is closed with unread input sends RST, which can destroy the last
        response on its way to the client.
        """
        if self._fd < 0 or self._closing:
            return
        self._closing = True
        self._stop_listening()
        self._stop_writing()
        # The first call sends close_notify; we do not wait for the client's.
        with contextlib.suppress(OSError, ValueError):
            self._socket.unwrap()
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._end()
            return
        self._listen(self._discard)
        self._linger = self._loop.call_later(_LINGER_SECONDS, self._end)

    def _discard(self) -> None:
        # TLS is shut down: read raw bytes past it, and ignore them.
        try:
            rest = socket.socket.recv(self._socket, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            rest = b""
        if not rest:
            self._end()

    def abort(self) -> None:
        """See Transport."""
        self._end(reset=True)

    def _end(self, *, reset: bool = False) -> None:
        if self._fd < 0:
            return
        self._stop_listening()
        self._stop_writing()
        self._closing = True
        self._fd = -1
        if self._linger is not None:
            self._linger.cancel()
        # Session and client reference each other.  Break the cycle, so that OpenSSL's memory is freed now
        # and not by a later garbage collection, which does not see how large it is.
        session, self._session = self._session, None
        if session is not None:
            # The outbox writes without going through ``send``, and the descriptor's number is soon reused.
            session.outbox.discard()
        if reset:
            # A reset also discards what the kernel still holds for a client that does not read.
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._socket.close()
        self._gone(self)

    # -- the loop ----------------------------------------------------------

    def _listen(self, callback: Callable[[], None]) -> None:
        self._reading = True
        self._poller.add_reader(self._fd, callback, self._share)

    def _stop_listening(self) -> None:
        if self._reading:
            self._reading = False
            self._poller.remove_reader(self._fd)

    def _want_write(self, callback: Callable[[], None]) -> None:
        if not self._writing:
            self._writing = True
            self._poller.add_writer(self._fd, callback, self._share)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._poller.remove_writer(self._fd)


def _received(sock: socket.socket) -> int:
    """Bytes received from the peer so far, read or not; 0 if the system does not report it."""
    try:
        return int(_BYTES_RECEIVED.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136))[0])
    except (OSError, struct.error):
        return 0


def _reason_of(error: Exception) -> str:
    """Why a connection ended, for the log, in the words of OpenSSL or of the system."""
    if isinstance(error, ssl.SSLCertVerificationError) and error.reason:
        # One text per OpenSSL code; on the server side they contain no names.
        return f"{error.reason.replace('_', ' ')}: {error.verify_message}".lower()
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
