"""TlsStream: the TLS socket of one connection, from the handshake to its end.

A non-blocking ``ssl.SSLSocket`` on the ``add_reader``/``add_writer`` of ``FairPoller``: OpenSSL writes
directly to the kernel, with no asyncio transport in between.  Of the alternatives measured this one
takes the least CPU and memory, and it leaves no buffers behind after aborted handshakes.

Two properties of OpenSSL shape this file.  After a read there may be decrypted data inside OpenSSL that
the loop cannot see, so reading continues while there is.  (OpenSSL takes at most one record at a time
from the kernel, and the loop sees what is left there.)  After a write that OpenSSL did not accept, the
next write must begin with the same bytes; more may follow them.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from amiproxy import log
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.model.share import Share
from amiproxy.core.ports import Peer
from amiproxy.net.doors.streamowner import DataReceiver, StreamOwner
from amiproxy.net.loop.fairpoller import FairPoller
from amiproxy.net.sockets import bytes_received, reset
from amiproxy.net.tls.clientcertificate import Objection, shown_certificate
from amiproxy.net.tls.tlserrors import OVERLONG_HANDSHAKE, failure_of_handshake, reason_of

_READ_BYTES = 16384  # one TLS record; a read never returns more
#: Records read from one client in one turn.
_READS_PER_TURN = 8
#: Seconds for which a client may continue to send after our close.
_LINGER_SECONDS = 2.0
#: Bytes that a client may send for its handshake.  A ClientHello and a chain of certificates have a few
#: thousand; without a limit, any client could have OpenSSL buffer more until ``handshake_timeout``.
_HANDSHAKE_BYTES = 16384
#: Limit of consecutive readable events without data.  A TLS record has fewer bytes, so even one that
#: arrives byte by byte stays below.
_FRUITLESS_READS = 1 << 15
#: The same before login, when all that a client has to send is a Login.
_FRUITLESS_READS_OF_STRANGERS = 1 << 12


class TlsStream:
    """The server's side of one TLS connection.

    To send, call ``write`` (OpenSSL's own, for the hot path) or ``send``.  Closed by ``close`` in good
    order, or at once by ``abort``.  After its end every method does nothing, except ``write``, which
    must not be called any more.
    """

    __slots__ = (
        "__weakref__",
        "_begun",
        "_chain",
        "_closing",
        "_fd",
        "_fruitless",
        "_linger",
        "_loop",
        "_objection",
        "_owner",
        "_paused",
        "_peer",
        "_pending",
        "_poller",
        "_read",
        "_read_blocked",
        "_reading",
        "_receiver",
        "_scheduled",
        "_share",
        "_socket",
        "_writing",
        "write",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: ssl.SSLSocket,
        peer: Peer,
        owner: StreamOwner,
        poller: FairPoller,
        *,
        objection: Objection = lambda _: None,
    ) -> None:
        self._loop = loop
        self._poller = poller
        #: The fair share that this connection's processing time is charged to.
        self._share = poller.shares.of_network(network_of(peer.address))
        self._socket = sock
        self._fd = sock.fileno()
        self._peer = peer
        #: None after the end.
        self._owner: StreamOwner | None = owner
        #: None before the handshake is complete, and after the end.
        self._receiver: DataReceiver | None = None
        self._objection = objection
        self._chain: tuple[bytes, ...] = ()
        # SSLSocket.send and recv wrap these in two more Python calls, per client and batch of events.
        connection = getattr(sock, "_sslobj", None) or sock
        #: Writes at most one TLS record; returns the number of bytes accepted, or raises OSError.
        self.write: Callable[[bytes | memoryview], int] = connection.write
        self._read: Callable[[int], bytes] = connection.read
        #: Returns the number of bytes that are decrypted but not read.
        self._pending: Callable[[], int] = connection.pending
        #: Part of the client's handshake has arrived.
        self._begun = False
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

    @property
    def is_established(self) -> bool:
        """Whether the handshake is complete, and the socket is not closed."""
        return self._receiver is not None

    @property
    def is_lingering(self) -> bool:
        """Whether ``close`` has been called, and the client's own end is awaited."""
        return self._linger is not None

    def start(self) -> None:
        """Start the handshake as soon as the client has sent something."""
        self._listen(self._handshake)

    # -- handshake ---------------------------------------------------------

    def _handshake(self) -> None:
        owner = self._owner
        assert owner is not None
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._stop_writing()
            self._begun = True
            owner.begun()
            if bytes_received(self._socket) > _HANDSHAKE_BYTES:
                self.fail(OVERLONG_HANDSHAKE)
            return
        except ssl.SSLWantWriteError:
            self._want_write(self._handshake)
            return
        except (OSError, ValueError) as error:
            owner.failed(failure_of_handshake(error, begun=self._begun))
            self._end()  # no reset: the client must receive OpenSSL's alert, which says what is wrong
            return
        self._stop_writing()
        version, cipher = self._socket.version(), self._socket.cipher()
        self._peer = self._peer._replace(tls=f"{version}/{cipher[0]}" if version and cipher else "")
        self._stop_listening()
        objection = self._look_at_certificate()
        if objection is not None:
            owner.failed(objection)
            self._end()
            return
        self._receiver = owner.secured(self._peer)
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
        self._peer = self._peer._replace(certificate=shown.identity)
        return self._objection(shown.chain)

    @property
    def has_certificate(self) -> bool:
        """Whether the client presented a certificate."""
        return bool(self._chain)

    def objection_now(self) -> str | None:
        """Why the client's certificate is no longer acceptable; None if it is, or there is none."""
        return self._objection(self._chain) if self._chain and self._receiver is not None else None

    def fail(self, reason: str) -> None:
        """End the connection at once, as a handshake that failed for this reason."""
        if self._owner is not None:
            self._owner.failed(reason)
            self._end(with_reset=True)

    # -- reading -----------------------------------------------------------

    def _readable(self) -> None:
        receiver = self._receiver
        assert receiver is not None
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
                self._lose(reason_of(error))
                return
            if not data:
                self._at_end(receiver)
                return
            self._fruitless = 0
            try:
                receiver.receive(data)
            except Exception as fault:
                self._break(receiver, fault)
                return
            if not self._pending():
                return
            if self._poller.over:
                break
        self._schedule()

    @property
    def _fruitless_reads(self) -> int:
        assert self._owner is not None
        return _FRUITLESS_READS if self._owner.is_authenticated else _FRUITLESS_READS_OF_STRANGERS

    def _break(self, receiver: DataReceiver, fault: Exception) -> None:
        """Handle a bug of ours: end this one connection, because its state is unknown."""
        log.exception("fault", fault, session=receiver.id)
        try:
            receiver.lost("fault")
        finally:
            self.abort()

    def _at_end(self, receiver: DataReceiver) -> None:
        self._stop_listening()
        try:
            # ``ssl`` reports a reset as an end, too; but after an orderly end the socket is still connected.
            self._socket.getpeername()
        except OSError:
            receiver.lost("connection reset by peer")
        else:
            receiver.ended()

    def _schedule(self) -> None:
        # At most one turn is scheduled: a client that sends without pause does not get more of them.
        if not self._scheduled:
            self._scheduled = True
            self._poller.shares.later(self._share, self._scheduled_read)

    def _scheduled_read(self) -> None:
        self._scheduled = False
        if self._receiver is not None:
            self._readable()

    def pause(self) -> None:
        """Stop reading, until ``resume``."""
        if not self._paused:
            self._paused = True
            self._stop_listening()

    def charge(self, share: Share) -> None:
        """Charge the time of this connection's reads and writes to this share from now on."""
        self._share = share
        self._poller.charge(self._fd, share)

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            if self._fd >= 0 and not self._closing:
                self._listen(self._readable)
                if self._pending():
                    self._schedule()  # the poll does not know about data that is already decrypted

    # -- writing -----------------------------------------------------------

    def send(self, data: bytes | memoryview) -> int:
        """Write what can be written at once; returns the number of bytes accepted.

        If not all were accepted, ``writable`` of the receiver is called when more can be, and the next call
        must begin with the bytes that were not.  A broken connection accepts all; the receiver is told
        later, from the loop.
        """
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
            # Notify the receiver from the loop, not from inside its own call.
            self._loop.call_soon(self._lose, reason_of(error))
            return total
        return taken

    def _writable(self) -> None:
        self._stop_writing()
        if self._read_blocked:
            self._read_blocked = False
            if not self._paused:
                self._listen(self._readable)
                self._schedule()
        if self._receiver is not None and self._receiver.writable():
            self._want_write(self._writable)

    # -- the end -----------------------------------------------------------

    def _lose(self, reason: str) -> None:
        if self._receiver is not None and self._fd >= 0:
            if self._closing:
                self._end()
            else:
                self._receiver.lost(reason)

    def close(self) -> None:
        """End the connection in good order, with close_notify; the receiver gets no more data.

        Input is still read and discarded for up to ``_LINGER_SECONDS``.  A socket that is closed with
        unread input sends RST, which can destroy the last response on its way to the client.
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
        """Reset the connection; what the client has not received yet is lost."""
        self._end(with_reset=True)

    def _end(self, *, with_reset: bool = False) -> None:
        if self._fd < 0:
            return
        self._stop_listening()
        self._stop_writing()
        self._closing = True
        self._fd = -1
        if self._linger is not None:
            self._linger.cancel()
        # Stream and owner reference each other.  Break the cycle, so that OpenSSL's memory is freed now
        # and not by a later garbage collection, which does not see how large it is.
        owner, self._owner = self._owner, None
        self._receiver = None
        if with_reset:
            reset(self._socket)
        else:
            self._socket.close()
        if owner is not None:
            owner.gone()

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
