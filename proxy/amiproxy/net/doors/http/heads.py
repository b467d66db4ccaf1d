"""The head of a request, checked before h11 sees it.

h11 is lenient where RFC 9112 lets it be: it takes bare line feeds and folded lines, and both Content-Length
and Transfer-Encoding.  Another server in front of us may read such a request differently, and so take a part
of one request for another.  All of that is refused here: what is left means the same to everybody.
"""

import re
from typing import Final, NamedTuple

from amiproxy.core.model.limits import Limits

#: Most headers of a request, as in Asterisk.
MOST_HEADERS: Final = 100
_END: Final = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~\x80-\xff]+) HTTP/([0-9])\.([0-9])")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~\x80-\xff][ \t!-~\x80-\xff]*)?)")
_LENGTH = re.compile(rb"[0-9]{1,12}")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
#: Headers of which a second one changes where a request ends, or whom it is for.
_SINGLE: Final = (b"host", b"content-length", b"transfer-encoding")


class Refused(Exception):
    """The request cannot be served; the text is for the client, and has nothing of what the client sent.

    The connection ends with the response, because it is not known where the next request would begin.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Head(NamedTuple):
    """A request line and headers; names are in lower case."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    http10: bool
    #: The same for h11: its target is ASCII, and it has a Host.
    normal: bytes
    #: Length of the body; None if it is chunked.
    length: int | None

    def values(self, name: bytes) -> list[bytes]:
        """The values of all headers with this name."""
        return [value for key, value in self.headers if key == name]


def take_head(buffer: bytearray, limits: Limits) -> Head | None:
    """Remove the head from the start of ``buffer``; None if more has to come.

    Raises Refused, also for the beginning of a head that cannot become a good one.
    """
    # RFC 9112 section 2.2: old clients send an empty line behind a body.
    start = 2 if buffer.startswith(b"\r\n") else 0
    end = buffer.find(_END, start, start + limits.http_head_bytes + len(_END))
    raw = bytes(buffer[start : end + 2 if end >= 0 else start + limits.http_head_bytes + 1])
    _check_bytes(raw)
    line_end = raw.find(b"\r\n")
    if not line_end:
        raise Refused(400, "not an HTTP request")
    if (line_end if line_end >= 0 else len(raw)) > limits.http_request_line:
        raise Refused(414, "the request line is too long")
    if end < 0 and len(raw) > limits.http_head_bytes:
        raise Refused(431, "the headers are too long")
    if raw.count(b"\r\n") > MOST_HEADERS + 1:
        raise Refused(431, "too many headers")
    if end < 0:
        return None
    del buffer[: end + len(_END)]
    return _parsed(raw, limits)


def _check_bytes(raw: bytes) -> None:
    """Refuse NUL, and line ends that are not CR LF; a CR at the very end may still be followed by its LF."""
    if b"\0" in raw:
        raise Refused(400, "the head of the request contains NUL")
    lines = raw.count(b"\n")
    pairs = raw.count(b"\r\n")
    returns = raw.count(b"\r") - (1 if raw.endswith(b"\r") else 0)
    if lines != pairs or returns != pairs:
        raise Refused(400, "lines must end with CR LF")
    if b"\n " in raw or b"\n\t" in raw:
        raise Refused(400, "headers must not continue on the next line")


def _parsed(raw: bytes, limits: Limits) -> Head:
    line, *lines = raw.removesuffix(b"\r\n").split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise Refused(400, "not an HTTP request")
    if found[3] != b"1" or found[4] not in (b"0", b"1"):
        raise Refused(505, "use HTTP/1.1")
    target = found[2]
    if not target.startswith(b"/"):
        raise Refused(400, "the target of the request must be a path")
    headers = tuple(map(_header, lines))
    for name in _SINGLE:
        if sum(key == name for key, _ in headers) > 1:
            raise Refused(400, "a header that may occur once occurs twice")
    http10 = found[4] == b"0"
    length = _length(dict(headers), limits, http10=http10)
    return Head(found[1].decode("ascii").upper(), target, headers, http10, _normal(found, headers), length)


def _header(line: bytes) -> tuple[bytes, bytes]:
    found = _HEADER.fullmatch(line)
    if found is None:
        raise Refused(400, "a header is malformed")
    return found[1].lower(), found[2].rstrip(b" \t")


def _length(headers: dict[bytes, bytes], limits: Limits, *, http10: bool) -> int | None:
    length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or http10:
            raise Refused(400, "the length of the request is ambiguous")
        if coding.lower() != b"chunked":
            raise Refused(501, "the only transfer encoding is chunked")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise Refused(400, "Content-Length is not a number")
    if int(length) > limits.http_body_bytes:
        raise Refused(413, "the body is too long")
    return int(length)


def _normal(line: re.Match[bytes], headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """The head as h11 takes it: unlike Asterisk it wants an ASCII target, and a Host in any case."""
    target = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line[2])
    lines = [b"%s %s HTTP/1.%s" % (line[1].upper(), target, line[4])]
    lines += [b"%s: %s" % pair for pair in headers]
    if all(name != b"host" for name, _ in headers):
        lines.append(b"host: -")
    return b"\r\n".join((*lines, b"", b""))
