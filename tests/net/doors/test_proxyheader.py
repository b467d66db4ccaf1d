"""The text and the bytes of a PROXY header; sockets are in test_proxy_protocol.py."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.net.doors.proxyheader import LONGEST, Header, Local, Unread, parse

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
INET = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack("!HH", 40000, 5039)
INET6 = (
    ipaddress.ip_address("2001:db8::7").packed
    + ipaddress.ip_address("2001:db8::1").packed
    + struct.pack("!HH", 40000, 5039)
)


def v2(body: bytes, *, command: int = 0x21, family: int = 0x11, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if length is None else length) + body


FOUR = ("192.0.2.7", 40000, "198.51.100.1", 5039)
SIX = ("2001:db8::7", 40000, "2001:db8::1", 5039)

GOOD = [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 5039\r\n", FOUR),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 5039\r\n", SIX),
    (b"PROXY TCP6 2001:DB8:0::7 2001:db8::1 40000 5039\r\n", SIX),
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 0 65535\r\n", ("192.0.2.7", 0, "198.51.100.1", 65535)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 anything at all\r\n", None),
    (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None),
    (v2(INET), FOUR),
    (v2(INET6, family=0x21), SIX),
    (v2(INET + b"\x04\0\x01x"), FOUR),
    (v2(INET + bytes(508)), FOUR),
    (v2(b"", command=0x20, family=0), None),
    (v2(INET, command=0x20), None),
    (v2(b"abc", command=0x20, family=0x77), None),
    (v2(b"", family=0), None),
    (v2(b"whatever", family=0), None),
]

BAD = [
    b"\x16\x03\x01",
    b"Action: Login\r\n",
    b"PROXy",
    b"PROXY\r\n",
    b"PROXY \r\n",
    b"PROXY UNKNOWNS\r\n",
    b"PROXY UNKNOWN a\nb\r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY tcp4 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n",
    b"PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 1\r\n",
    b"PROXY TCP4 192.0.2.007 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP6 fe80::1%lo fe80::2 1 2\r\n",
    b"PROXY TCP4 pbx.example.org 198.51.100.1 1 2\r\n",
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    b"PROXY UNKNOWN " + b"x" * 93,
    b"\r\n\r\n\0\r\nQUIT\r",
    v2(INET, command=0x11),
    v2(INET, command=0x22),
    v2(INET, family=0x12),
    v2(INET6, family=0x22),
    v2(bytes(216), family=0x31),
    v2(INET[:-1]),
    v2(INET6[:-1], family=0x21),
    v2(INET + bytes(509)),
    v2(INET, length=0xFFFF),
    v2(b"", command=0x20, length=521),
]


@pytest.mark.parametrize(("data", "named"), GOOD)
def test_a_header_names_a_client_or_none(data: bytes, named: tuple[str, int, str, int] | None) -> None:
    expected = Local(len(data)) if named is None else Header(*named, len(data))
    assert parse(data) == expected
    assert type(parse(data)) is type(expected)
    assert parse(data + b"\x16\x03\x01") == expected, "the bytes after it are ignored"
    assert all(parse(data[:cut]) is Unread.INCOMPLETE for cut in range(len(data)))


@pytest.mark.parametrize("data", BAD)
def test_anything_but_an_exact_header_is_malformed(data: bytes) -> None:
    assert parse(data) is Unread.MALFORMED


starts = st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11\0"])
anything = st.one_of(
    st.builds(bytes.__add__, starts, st.binary(max_size=600)),
    st.builds(bytes.__add__, st.sampled_from([data for data, _ in GOOD]), st.binary(max_size=20)),
    st.builds(bytes.__add__, starts, st.text("0123456789.: \r\nabPROXYTC", max_size=120).map(str.encode)),
)


@given(anything, st.data())
def test_any_bytes_cut_anywhere_give_one_answer(data: bytes, draw: st.DataObject) -> None:
    whole = parse(data)
    cut = draw.draw(st.integers(0, len(data)))
    assert parse(data[:cut]) in (Unread.INCOMPLETE, whole)
    if isinstance(whole, Header | Local):
        assert whole.size <= min(len(data), LONGEST)
        assert parse(data[: whole.size]) == whole
        assert parse(data[: whole.size - 1]) is Unread.INCOMPLETE
    if len(data) >= LONGEST:
        assert whole is not Unread.INCOMPLETE


@given(st.ip_addresses(), st.integers(0, 65535), st.integers(0, 65535))
def test_both_versions_give_the_same_result(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, local_port: int
) -> None:
    text = f"PROXY TCP{address.version} {address} {address} {port} {local_port}\r\n".encode()
    family = 0x11 if address.version == 4 else 0x21
    body = address.packed * 2 + struct.pack("!HH", port, local_port)
    first, second = parse(text), parse(v2(body, family=family))
    assert isinstance(first, Header)
    assert isinstance(second, Header)
    assert first[:4] == second[:4]
