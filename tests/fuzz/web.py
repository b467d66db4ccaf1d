"""Targets for what HTTP clients and reverse proxies send."""

import re
from typing import NamedTuple

from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.model.limits import Limits
from amiproxy.net.doors.http.forwarding import client_of
from amiproxy.net.doors.http.heads import Refused
from amiproxy.net.doors.http.hosts import AllowedHosts
from amiproxy.net.doors.http.reading import RequestReader

_LIMITS = Limits(http_body_bytes=2048, http_head_bytes=3000, http_request_line=1024)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CLIENT, _PROXY = "203.0.113.9", "10.0.0.1"
_TRUSTED = NetworkSet(("10.0.0.0/8",))


class _Read(NamedTuple):
    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def http_requests(data: bytes) -> None:
    """Requests are cut alike however they arrive, and as a simple reader of RFC 9112 cuts them."""
    requests, refused = _read(data, len(data) or 1)
    for size in (1, 7):
        assert _read(data, size) == (requests, refused)
    rest = data
    for request in requests:
        rest = rest.removeprefix(b"\r\n")
        head, end, rest = rest.partition(b"\r\n\r\n")
        assert end
        line, *lines = head.split(b"\r\n")
        method, target, version = line.split(b" ")
        assert (request.method, request.target) == (method.decode().upper(), target)
        assert version in (b"HTTP/1.0", b"HTTP/1.1")
        headers = tuple(
            (name.lower(), value.strip(b" \t")) for name, _, value in (one.partition(b":") for one in lines)
        )
        assert request.headers == headers
        assert not any(_CONTROL.search(part) for pair in headers for part in pair)
        body, rest = _body(dict(headers), rest)
        assert request.body == body


def _body(headers: dict[bytes, bytes], rest: bytes) -> tuple[bytes, bytes]:
    if b"transfer-encoding" not in headers:
        length = int(headers.get(b"content-length", b"0"))
        return rest[:length], rest[length:]
    assert b"content-length" not in headers
    body = b""
    while True:
        line, _, rest = rest.partition(b"\r\n")
        length = int(line.partition(b";")[0], 16)
        body += rest[:length]
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]
        if not length:
            return body, rest


def _read(data: bytes, size: int) -> tuple[list[_Read], bool]:
    """The requests of data that arrives in pieces of this size, and whether what follows is refused."""
    reader = RequestReader()
    found: list[_Read] = []
    head = None
    status = 0
    try:
        for start in range(0, len(data), size):
            reader.feed(data[start : start + size])
            while True:
                head = head or reader.head(_LIMITS)
                body = reader.body(_LIMITS) if head is not None else None
                if head is None or body is None:
                    break
                found.append(_Read(head.method, head.target, head.headers, body))
                head = None
    except Refused as refused:
        status = refused.status
    assert status in (0, 400, 413, 414, 431, 501, 505)
    return found, bool(status)


def forwarding(data: bytes) -> None:
    """Whatever a client writes, a trusted proxy behind it names the client."""
    name, _, value = data.partition(b":")
    header = b"forwarded" if len(name) % 2 else b"x-forwarded-for"
    value = _CONTROL.sub(b"", value)
    last = b"for=" + _CLIENT.encode() if header == b"forwarded" else _CLIENT.encode()
    try:
        client = client_of(((header, value), (header, last)), _PROXY, _TRUSTED, secure=False)
        assert client.address == _CLIENT
    except Refused:
        assert header == b"forwarded"
        assert b'"' in value, "only a quote can hide what follows"
    assert client_of(((header, value),), _CLIENT, _TRUSTED, secure=False) == (_CLIENT, False)
    hosts = AllowedHosts(lambda: ("dns:pbx.example", "dns:*.example.org", "ip:192.0.2.1"))
    if hosts.has(value):
        assert re.fullmatch(
            rb"(?i)(pbx\.example\.?|[a-z0-9_*-]+\.example\.org\.?|192\.0\.2\.1\.?|\[::ffff:192\.0\.2\.1\])(:[0-9]{0,5})?",
            value,
        )
