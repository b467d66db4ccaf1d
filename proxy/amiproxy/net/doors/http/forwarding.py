"""Who the client is, if the request came through a reverse proxy that is trusted.

Each proxy appends the address that it got the request from.  So the right-most address that is not a trusted
proxy's is the client; everything to its left is what the client itself wrote.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.model.networks import canonical
from amiproxy.core.ports import Peer
from amiproxy.net.doors.http.heads import Head, Refused
from amiproxy.net.doors.http.requests import Request

_NODE = re.compile(
    r"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?|([0-9.]{7,15})(?::[0-9]{1,5})?|([0-9A-Fa-f:.]{2,45})"
)
_PAIR = re.compile(r'[ \t]*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^";,\s]+)[ \t]*')

#: Not an element without an address, which would be no address at all.
_MALFORMED = {"for": "malformed"}


class Client(NamedTuple):
    """The client's canonical address, and whether its own connection is encrypted."""

    address: str
    secure: bool


def request_of(head: Head, body: bytes, peer: Peer, trusted: NetworkSet, *, secure: bool) -> Request:
    """A request that ``peer`` has sent, with the peer that it is from; otherwise as ``client_of``."""
    client = client_of(head.headers, peer.address, trusted, secure=secure)
    if client.address != peer.address:
        peer = peer._replace(address=client.address, port=0)
    return Request(head.method, head.target, head.headers, body, peer, client.secure, head.http10)


def client_of(
    headers: Sequence[tuple[bytes, bytes]], peer: str, trusted: NetworkSet, *, secure: bool
) -> Client:
    """The client of a request that ``peer``, a canonical address, has sent.

    ``secure``: whether the connection from there is encrypted.  Headers of an untrusted peer are ignored.

    Raises Refused if the right-most address is malformed: a client that could have it ignored would count as
    the proxy, which users' access lists may allow.  And if both kinds of headers are there and name different
    clients: a proxy that writes one kind passes on the other, which the client may have written.
    """
    if peer not in trusted:
        return Client(peer, secure)
    elements = _elements(_joined(headers, b"forwarded"))
    hops = [element.get("for", "") for element in elements]
    others = [hop.strip() for hop in _joined(headers, b"x-forwarded-for").split(",") if hop.strip()]
    if any(hops) and others and _right_most(hops, peer, trusted) != _right_most(others, peer, trusted):
        raise Refused(400, "Forwarded and X-Forwarded-For name different clients")
    protos = [element["proto"] for element in elements[-1:] if "proto" in element]
    protos += [proto.strip() for proto in _joined(headers, b"x-forwarded-proto").split(",") if proto.strip()][
        -1:
    ]
    if protos:
        secure = all(proto.lower() == "https" for proto in protos)
    return Client(_right_most(others or hops, peer, trusted), secure)


def _joined(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    return ",".join(value.decode("latin-1") for key, value in headers if key == name)


def _right_most(hops: Sequence[str], peer: str, trusted: NetworkSet) -> str:
    address = peer
    for number, hop in enumerate(reversed(hops)):
        found = _address(hop)
        if not found and not number and any(hops):
            raise Refused(400, "the reverse proxy does not name its client's address")
        if not found:
            break
        address = found
        if address not in trusted:
            break
    return address


def _address(node: str) -> str:
    """The canonical address of a hop; "" if it has none, such as ``unknown``."""
    found = _NODE.fullmatch(node)
    if found is None:
        return ""
    text = found[1] or found[2] or found[3]
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return ""
    return canonical(text)


def _elements(header: str) -> list[dict[str, str]]:
    """The elements of Forwarded (RFC 7239), each with its parameters."""
    elements: list[dict[str, str]] = []
    for part in _split(header):
        element: dict[str, str] = {}
        for pair in _split(part, ";"):
            found = _PAIR.fullmatch(pair)
            if found is None or found[1].lower() in element:
                element = _MALFORMED
                break
            value = found[2]
            quoted = value.startswith('"')
            element[found[1].lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value
        elements.append(element)
    return elements if header.strip() else []


def _split(text: str, separator: str = ",") -> list[str]:
    """The parts between separators that are not in quotes."""
    parts, part, quoted, escaped = [], "", False, False
    for letter in text:
        if letter == separator and not quoted:
            parts.append(part)
            part = ""
            continue
        part += letter
        if escaped:
            escaped = False
        elif letter == "\\" and quoted:
            escaped = True
        elif letter == '"':
            quoted = not quoted
    return [*parts, part]
