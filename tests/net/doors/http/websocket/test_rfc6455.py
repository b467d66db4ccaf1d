"""What RFC 6455 says about frames, in the groups of the Autobahn test suite that concern a server.

Each row is what a client sends behind the handshake, and everything that it gets before the end of TLS: pongs
and texts, then the close frame.  The rows are sent whole and in pieces.
"""

import base64
import json
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pytest

from tests.support.http_peer import HttpPeer
from tests.support.socket_house import SocketHouse
from tests.support.waiting import until

BOTH_LOOPS = True

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
#: What was received: opcode and payload; of a text, its id; of a close frame, its code.
Seen = list[tuple[int, object]]
Rows = Mapping[str, tuple[bytes, Seen]]


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0) -> bytes:
    """A frame of a client, with a mask."""
    size, mask = len(payload), b"\x37\xfa\x21\x3d"
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = b"\xfe" + size.to_bytes(2) if size < 65536 else b"\xff" + size.to_bytes(8)
    masked = bytes(byte ^ key for byte, key in zip(payload, cycle(mask), strict=False))
    return bytes([(0x80 if final else 0) | reserved << 4 | opcode]) + length + mask + masked


def asking(name: str, size: int = 0) -> bytes:
    """A message that is answered with this id, padded to this many bytes."""
    return json.dumps({"type": "ping", "id": name}, ensure_ascii=False).encode().ljust(size)


def text(name: str, size: int = 0) -> bytes:
    """The same as one frame."""
    return frame(TEXT, asking(name, size))


def close(code: int, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, code.to_bytes(2) + reason)


END = close(1000)
ENDED = (CLOSE, 1000)


class Server:
    """The server's side of one connection."""

    def __init__(self, peer: HttpPeer) -> None:
        self._peer = peer

    async def next(self) -> tuple[int, bytes]:
        """The next frame, which must be whole and without a mask, in the shortest form."""
        head = await self._peer.exactly(2)
        assert head[0] & 0xF0 == 0x80
        size = head[1]
        if size == 126:
            size = int.from_bytes(await self._peer.exactly(2))
            assert size > 125
        elif size == 127:
            size = int.from_bytes(await self._peer.exactly(8))
            assert size > 65535
        assert size < 1 << 63
        return head[0] & 0xF, await self._peer.exactly(size)

    async def rest(self) -> Seen:
        """Everything up to the close frame, which is the last thing before the end."""
        seen: Seen = []
        while True:
            opcode, payload = await self.next()
            if opcode == CLOSE:
                payload[2:].decode()
                seen.append((CLOSE, int.from_bytes(payload[:2]) if payload else None))
                assert await self._peer.is_closed()
                return seen
            if opcode == TEXT:
                message = json.loads(payload)
                assert message["type"] == "pong"
                seen.append((TEXT, message["id"]))
            else:
                seen.append((opcode, payload))


async def opened(peer: HttpPeer, protocol: str = "ami.json") -> Server:
    """A WebSocket of a user that has logged in and gets no events."""
    lines = (
        "GET /ws?classes=none HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {protocol}",
        "Authorization: Basic " + base64.b64encode(b"wall:x").decode(),
    )
    await peer.send("\r\n".join((*lines, "", "")).encode())
    assert b" 101 " in await peer._until(b"\r\n\r\n")
    server = Server(peer)
    await server.next()
    return server


async def holds(house: SocketHouse, rows: Rows) -> None:
    """Every row, whole and in pieces, each on a connection of its own."""
    found: dict[tuple[str, int], Any] = {}
    for name, (data, _) in rows.items():
        for piece in (len(data), 1 if len(data) < 200 else 997):
            async with house.peer() as peer:
                server = await opened(peer)
                for start in range(0, len(data), piece):
                    await peer.send(data[start : start + piece])
                found[name, piece] = await server.rest()
    expected = {(name, piece): rows[name][1] for name, piece in found}
    assert found == expected
    await house.empty()


def fails(*rows: tuple[str, bytes], code: int = 1002) -> Rows:
    """Rows whose frames end the connection with this code, and what comes before them is answered."""
    return {name: (text("before") + data, [(TEXT, "before"), (CLOSE, code)]) for name, data in rows}


async def test_group_1_messages_of_all_sizes(house: SocketHouse) -> None:
    sizes = (125, 126, 127, 128, 65535, 65536)
    rows = {f"{size}": (text("x", size) + END, [(TEXT, "x"), ENDED]) for size in sizes}
    empty = {"0": (frame(TEXT), [(CLOSE, 4004)]), "binary": (frame(BINARY), [(CLOSE, 1003)])}
    await holds(house, {**rows, **empty, "65537": (text("x", 65537), [(CLOSE, 1009)])})


@pytest.mark.parametrize("size", [125, 126, 127, 128, 65535, 65536])
async def test_group_1_binary_messages_of_all_sizes(house: SocketHouse, size: int) -> None:
    ping = b"Action: Ping\r\nActionID: 1\r\n\r\n"
    lines = [b"X: " + b"x" * 700 + b"\r\n"] * ((size - 50) // 705)
    action = b"".join([ping[:-2], *lines])
    action += b"X: ".ljust(size - len(action) - 4, b"x") + b"\r\n\r\n"
    assert len(action) == size
    async with house.peer() as peer:
        server = await opened(peer, "ami")
        await peer.send(frame(BINARY) + frame(BINARY, action) + frame(TEXT, ping))
        for _ in range(2):
            while not (heard := await server.next())[1].startswith(b"Response: "):
                pass
            assert heard[0] == BINARY
            assert heard[1].startswith(b"Response: Success\r\nActionID: 1\r\nPing: Pong\r\n")
        await peer.send(END)
        while (heard := await server.next())[0] != CLOSE:
            pass
        assert heard == (CLOSE, b"\x03\xe8")
    await house.empty()


async def test_group_2_pings_and_pongs(house: SocketHouse) -> None:
    payloads = (b"", b"Hello", b"\0\xff\xfe\xfd\xfc\xfb\0\xff", b"\xfe" * 125)
    rows: dict[str, tuple[bytes, Seen]] = {
        f"{len(one)} bytes": (frame(PING, one) + END, [(PONG, one), ENDED]) for one in payloads
    }
    ten = [b"%d" % number for number in range(10)]
    pinged: Seen = [(PONG, one) for one in ten]
    rows["ten"] = b"".join(frame(PING, one) for one in ten) + END, [*pinged, ENDED]
    # As a client that counts on the order: what came before a ping is answered before its pong.
    rows["behind a message"] = (
        text("x") + frame(PING, b"1") + text("y") + END,
        [(TEXT, "x"), (PONG, b"1"), (TEXT, "y"), ENDED],
    )
    rows["unasked"] = frame(PONG) + frame(PONG, b"x") + frame(PING, b"y") + END, [(PONG, b"y"), ENDED]
    await holds(house, {**rows, **fails(("126 bytes", frame(PING, b"x" * 126)))})


async def test_group_3_reserved_bits(house: SocketHouse) -> None:
    opcodes = {"text": TEXT, "binary": BINARY, "ping": PING, "close": CLOSE}
    bad = [
        (f"{name} {bits}", frame(opcode, b"", reserved=bits) + frame(PING))
        for name, opcode in opcodes.items()
        for bits in ((1, 2, 4, 7) if opcode == TEXT else (3, 4))
    ]
    await holds(house, fails(*bad))


async def test_group_4_reserved_opcodes(house: SocketHouse) -> None:
    bad = [(f"{opcode}", frame(opcode, b"x") + frame(PING)) for opcode in (*range(3, 8), *range(11, 16))]
    await holds(house, fails(*bad))


async def test_group_5_fragments(house: SocketHouse) -> None:
    whole = asking("whole")
    first, last = frame(TEXT, whole[:9], final=False), frame(CONT, whole[9:])
    ping, answered = frame(PING, b"between"), (PONG, b"between")
    each = [frame(CONT, whole[at : at + 1], final=False) for at in range(1, len(whole))]
    good: Rows = {
        "two": (first + last + END, [(TEXT, "whole"), ENDED]),
        "a ping between": (first + ping + last + END, [answered, (TEXT, "whole"), ENDED]),
        "a pong between": (first + frame(PONG, b"x") + last + END, [(TEXT, "whole"), ENDED]),
        "empty": (
            frame(TEXT, b"", final=False) + frame(CONT, b"", final=False) + frame(CONT, whole) + END,
            [(TEXT, "whole"), ENDED],
        ),
        "each byte": (
            frame(TEXT, whole[:1], final=False) + ping + b"".join(each) + ping + frame(CONT) + END,
            [answered, answered, (TEXT, "whole"), ENDED],
        ),
    }
    bad = fails(
        ("a ping in fragments", frame(PING, b"x", final=False) + frame(CONT, b"y")),
        ("a pong in fragments", frame(PONG, b"x", final=False) + frame(CONT, b"y")),
        ("a close in fragments", frame(CLOSE, b"\x03", final=False) + frame(CONT, b"\xe8")),
        ("a last one of nothing", frame(CONT, whole)),
        ("one of nothing", frame(CONT, whole, final=False) + last),
        ("another message within one", first + text("whole")),
        ("another message in fragments within one", first + first),
    )
    bad = {**bad, "one more": (first + last + frame(CONT, b"x"), [(TEXT, "whole"), (CLOSE, 1002)])}
    await holds(house, {**good, **bad})


VALID = {
    "Greek": "κόσμε",
    "bounds of lengths": "\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff",
    "around surrogates": "\ud7ff\ue000\ufffd",
    "no characters": "\ufffe\uffff\ufdd0\U0001fffe",
}
INVALID = {
    "a continuation alone": b"\x80",
    "the last continuation alone": b"\xbf",
    "no bytes of UTF-8": b"\xfe\xff",
    "two bytes cut": b"\xc3 ",
    "three bytes cut": b"\xe2\x82 ",
    "four bytes cut": b"\xf0\x9f\x98 ",
    "cut at the end": b"\xce",
    "an ASCII byte of two": b"\xc0\xaf",
    "an ASCII byte of three": b"\xe0\x80\xaf",
    "an ASCII byte of four": b"\xf0\x80\x80\xaf",
    "longest of two too long": b"\xc1\xbf",
    "longest of three too long": b"\xe0\x9f\xbf",
    "longest of four too long": b"\xf0\x8f\xbf\xbf",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "behind the last": b"\xf4\x90\x80\x80",
    "a high surrogate": b"\xed\xa0\x80",
    "a low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "Latin-1": b"caf\xe9",
}


async def test_group_6_text_that_is_utf_8(house: SocketHouse) -> None:
    rows: dict[str, tuple[bytes, Seen]] = {}
    for name, value in VALID.items():
        whole = asking(value)
        pieces = [frame(CONT, whole[at : at + 1], final=False) for at in range(1, len(whole))]
        parts = frame(TEXT, whole[:1], final=False) + b"".join(pieces) + frame(CONT)
        rows[name] = text(value) + parts + END, [(TEXT, value), (TEXT, value), ENDED]
    await holds(house, rows)


async def test_group_6_text_that_is_not_utf_8(house: SocketHouse) -> None:
    bad: list[tuple[str, bytes]] = []
    for name, value in INVALID.items():
        whole = asking("@").replace(b"@", value)
        at = whole.index(value) + 1
        bad += [
            (name, frame(TEXT, whole)),
            (f"{name}, in fragments", frame(TEXT, whole[:at], final=False) + frame(CONT, whole[at:])),
            (f"{name}, no JSON", frame(TEXT, value)),
        ]
    await holds(house, fails(*bad, code=1007))


async def test_group_6_text_of_the_subprotocol_ami_is_utf_8_too(house: SocketHouse) -> None:
    action = b"Action: UserEvent\r\nUserEvent: \xe9\r\n\r\n"
    async with house.peer() as peer:
        server = await opened(peer, "ami")
        await peer.send(frame(TEXT, action))
        while (heard := await server.next())[0] != CLOSE:
            pass
        assert heard[1][:2] == (1007).to_bytes(2)
    assert house.bench.upstream.take() == []
    async with house.peer() as peer:
        await opened(peer, "ami")
        await peer.send(frame(BINARY, action))
        await until(lambda: house.bench.upstream.actions)


async def test_group_7_the_closing_handshake(house: SocketHouse) -> None:
    first = frame(TEXT, asking("x")[:9], final=False)
    await holds(
        house,
        {
            "behind a message": (text("x") + END, [(TEXT, "x"), ENDED]),
            "twice": (END + END, [ENDED]),
            "a ping behind it": (END + frame(PING, b"x"), [ENDED]),
            "a message behind it": (END + text("x"), [ENDED]),
            "nonsense behind it": (END + b"\xff" * 20, [ENDED]),
            # A close frame may come between fragments; websockets takes the message that is cut for an error.
            "between fragments": (first + END + frame(CONT, b"x"), [(CLOSE, 1002)]),
            "no code": (frame(CLOSE), [(CLOSE, None)]),
            "a reason": (close(1000, b"bye"), [ENDED]),
            "the longest reason": (close(1000, "é".encode() * 61 + b"."), [ENDED]),
            **fails(
                ("half a code", frame(CLOSE, b"\x03")),
                ("a reason that is too long", close(1000, b"x" * 124)),
            ),
            **fails(("a reason that is not UTF-8", close(1000, b"caf\xe9")), code=1007),
        },
    )


async def test_group_7_codes(house: SocketHouse) -> None:
    good = (1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999)
    bad = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    rows: dict[str, tuple[bytes, Seen]] = {f"{code}": (close(code), [(CLOSE, code)]) for code in good}
    await holds(house, {**rows, **fails(*((f"{code}", close(code, b"x")) for code in bad))})
