"""RequestReader: cuts what a client sends into requests, with h11."""

import h11

from amiproxy.core.model.limits import Limits
from amiproxy.net.doors.http.heads import Head, Refused, take_head

#: Bytes of one line between chunks: the size in hexadecimal digits, and perhaps extensions.
_CHUNK_LINE = 256
#: Bytes that a chunked body may have besides its data: many tiny chunks would cost more than they carry.
_CHUNKING = 65536


class RequestReader:
    """Call ``feed``, then ``head`` until it returns one, then ``body`` until it returns one; then again.

    All three but ``feed`` raise Refused, after which the reader must not be used any more.
    """

    __slots__ = ("_body", "_buffer", "_head", "_parser", "_raw", "_size")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: Head | None = None
        self._parser: h11.Connection | None = None
        self._body: list[bytes] = []
        self._size = 0
        #: Bytes given to h11 for this body.
        self._raw = 0

    @property
    def buffered(self) -> int:
        """Bytes that were received and do not belong to a body that is being read."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes of the client, any part of the stream."""
        self._buffer += data

    def rest(self) -> bytes:
        """Everything behind the last request that was returned; the reader has it no more."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def head(self, limits: Limits) -> Head | None:
        """The head of the next request; None if more has to come."""
        head = take_head(self._buffer, limits)
        if head is None:
            return None
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_CHUNK_LINE)
        parser.receive_data(head.normal)
        try:
            event = parser.next_event()
        except h11.RemoteProtocolError as error:
            raise Refused(error.error_status_hint, "not an HTTP request") from error
        if not isinstance(event, h11.Request):
            raise Refused(400, "not an HTTP request")
        self._head, self._parser = head, parser
        self._body.clear()
        self._size = self._raw = 0
        return head

    def body(self, limits: Limits) -> bytes | None:
        """The body of the request whose head was returned last; None if more has to come."""
        parser = self._parser
        assert parser is not None
        # Never an empty one, which would tell h11 that the client sends no more.
        if self._buffer:
            self._raw += len(self._buffer)
            parser.receive_data(bytes(self._buffer))
            self._buffer.clear()
        while True:
            try:
                event = parser.next_event()
            except h11.RemoteProtocolError as error:
                raise Refused(400, "the body of the request is malformed") from error
            if isinstance(event, h11.Data):
                self._size += len(event.data)
                if self._size > limits.http_body_bytes:
                    raise Refused(413, "the body is too long")
                self._body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                if event.headers:
                    raise Refused(400, "headers behind the body are not supported")
                self._buffer += parser.trailing_data[0]
                self._parser = None
                return b"".join(self._body)
            elif self._raw > limits.http_body_bytes + _CHUNKING:
                raise Refused(413, "the body is too long")
            else:
                return None
