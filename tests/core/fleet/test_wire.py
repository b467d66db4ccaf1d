"""Messages between agents and edges."""

import string
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.fleet import wire
from amiproxy.core.fleet.wire import (
    ANSWER,
    BEAT,
    END,
    EVENTS,
    GONE,
    LAST,
    REFUSED,
    Ask,
    Beat,
    Head,
    OtherVersion,
    Request,
    WireError,
    packed,
    parsed,
)

NUMBERS = st.integers(0, 2**64 - 1)
TEXTS = st.text(string.printable[:-5], max_size=79)
BANNERS = TEXTS.map(str.encode)
HEADS = st.builds(
    lambda kind, last, epoch, first, events: Head(
        kind, LAST if kind == ANSWER and last else 0, epoch, first, events if kind == EVENTS else 0
    ),
    st.sampled_from([EVENTS, BEAT, GONE, END, ANSWER]),
    st.booleans(),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**62 - 1),
    st.integers(1, 2**32 - 1),
)
BEAT_NOW = Beat("7.0", "berlin-a", "berlin", "up", b"Asterisk Call Manager/11.0.0", 12345, "", b"r" * 16)
REQUEST = Request(b"i" * 16, "board", b"g" * 16, "s1", "192.0.2.1", 7, 12345, b"Action: Ping\r\n\r\n")


@given(HEADS, st.binary(max_size=200))
def test_a_message_is_read_as_it_was_written(head: Head, body: bytes) -> None:
    data = packed(head, body)
    assert len(data) == 32 + len(body)
    assert parsed(data) == (head, body)


def test_the_head_is_laid_out_as_documented() -> None:
    assert packed(Head(EVENTS, 0, 0x0102, 0x03, 4), b"body") == bytes.fromhex(
        "414d4946 01 01 0000"  # AMIF, version, kind, flags
        "0000000000000102 0000000000000003"  # epoch and first
        "00000004 00000000 626f6479"
    )


@given(st.binary(max_size=100))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        parsed(data)


@given(HEADS, st.integers(0, 31))
def test_a_message_without_all_of_its_head_is_refused(head: Head, length: int) -> None:
    with pytest.raises(WireError):
        parsed(packed(head)[:length])


def changed(place: int, value: int) -> bytes:
    data = bytearray(packed(Head(EVENTS, 0, 1, 1, 1), b"x"))
    data[place] = value
    return bytes(data)


def test_another_version_is_told_from_nonsense() -> None:
    with pytest.raises(OtherVersion):
        parsed(changed(4, 2))


@pytest.mark.parametrize(
    "data",
    [
        changed(0, 0),
        changed(5, 0),
        changed(5, 6),
        changed(6, 1),
        changed(31, 1),
        packed(Head(EVENTS)),
        packed(Head(BEAT, events=1)),
        packed(Head(ANSWER, flags=4)),
        packed(Head(END, flags=LAST)),
        packed(Head(EVENTS, 0, 1, 2**62, 1)),
        packed(Head(BEAT, 0, 1, 2**64 - 1)),
    ],
)
def test_a_head_that_no_process_of_the_fleet_writes_is_refused(data: bytes) -> None:
    with pytest.raises(WireError) as caught:
        parsed(data)
    assert type(caught.value) is WireError


def test_an_answer_may_be_refused_and_last() -> None:
    assert parsed(packed(Head(ANSWER, LAST | REFUSED)))[0].flags == LAST | REFUSED


@given(
    st.builds(
        Beat,
        TEXTS,
        st.just("berlin-a"),
        st.just("berlin"),
        st.sampled_from(["up", "booting", "down"]),
        BANNERS,
        st.integers(0, 2**53 - 1),
        TEXTS,
        st.binary(max_size=32),
    )
)
def test_a_beat_is_read_as_it_was_written(beat: Beat) -> None:
    assert wire.decode_beat(wire.encode_beat(beat)) == beat


def test_a_long_reason_is_cut() -> None:
    beat = msgspec.structs.replace(BEAT_NOW, reason="ä" * 1000)
    assert wire.decode_beat(wire.encode_beat(beat)).reason == "ä" * 256


@given(
    st.builds(
        Request,
        st.binary(min_size=16, max_size=16),
        TEXTS,
        st.binary(max_size=32),
        TEXTS,
        TEXTS,
        NUMBERS,
        NUMBERS,
        st.binary(min_size=4, max_size=100),
    )
)
def test_a_request_is_read_as_it_was_written(request_: Request) -> None:
    assert wire.decode_request(wire.encode_request(request_)) == request_


@given(st.builds(Ask, NUMBERS, NUMBERS))
def test_an_ask_is_read_as_it_was_written(ask: Ask) -> None:
    assert wire.decode_ask(wire.encode_ask(ask)) == ask


@pytest.mark.parametrize(
    ("beat", "changes"),
    [
        (BEAT_NOW, {"state": "unknown"}),
        (BEAT_NOW, {"agent": ""}),
        (BEAT_NOW, {"server": "s" * 65}),
        (BEAT_NOW, {"banner": b"b" * 257}),
        (BEAT_NOW, {"clock": -1}),
        (BEAT_NOW, {"clock": 2**53}),
        (BEAT_NOW, {"software": "s" * 257}),
        (BEAT_NOW, {"rights": b"r" * 33}),
    ],
)
def test_a_beat_out_of_bounds_is_refused(beat: Beat, changes: dict[str, object]) -> None:
    with pytest.raises(WireError):
        wire.decode_beat(wire.encode_beat(msgspec.structs.replace(beat, **changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"banner": b"Asterisk\r\n\r\nEvent: X"},
        {"banner": b"Asterisk\n"},
        {"banner": b"\xff"},
        {"reason": "gone\r\n\r\nEvent: X"},
        {"reason": "\x1b[2J"},
        {"software": "7.0\n"},
    ],
)
def test_no_text_of_a_beat_has_a_line_end(changes: dict[str, object]) -> None:
    """Clients are sent the banner and the reason."""
    beat = msgspec.structs.replace(BEAT_NOW, **changes)
    with pytest.raises(WireError):
        wire.decode_beat(msgspec.msgpack.encode(beat))
    if "software" not in changes:  # which is constant
        sent = wire.decode_beat(wire.encode_beat(beat))
        assert "?" in f"{sent.reason}{sent.banner!r}"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": b"i" * 15},
        {"id": b"i" * 17},
        {"user": "u" * 80},
        {"generation": b"g" * 33},
        {"session": "s" * 257},
        {"address": "a" * 257},
        {"epoch": -1},
        {"expires": 1.5},
        {"action": b"\r\n"},
        {"action": b"a" * ((1 << 20) + 1)},
    ],
)
def test_a_request_out_of_bounds_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(WireError):
        wire.decode_request(wire.encode_request(msgspec.structs.replace(REQUEST, **changes)))


@pytest.mark.parametrize("decode", [wire.decode_beat, wire.decode_request, wire.decode_ask])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        b"\x93\x01\x02\x03",
        msgspec.msgpack.encode([1]),
        msgspec.msgpack.encode({"epoch": 1, "first": 2}),
        b"\x98\xa1\xff\xa1a\xa1a\xa2up\xc4\x00\x01\xa0\xc4\x00",  # a text that is not UTF-8
        b"\x91" * 100_000,
    ],
)
def test_nonsense_is_refused(decode: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)
