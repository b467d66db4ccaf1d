"""Headers that Asterisk writes after Privilege are learnt from its events and written into ours."""

import pytest

from amiproxy.ami.message import event
from amiproxy.core.servers.known.origin import Origin

HEAD = b"Event: X\r\nPrivilege: call,all\r\n"
DEBUG = b"SequenceNumber: 7\r\nFile: a.c\r\nLine: 9\r\nFunc: f\r\n"


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (HEAD, []),
        (HEAD + b"SystemName: pbx 1\r\n", [(b"SystemName", b"pbx 1")]),
        (HEAD + b"Timestamp: 1700000000.000001\r\n", [(b"Timestamp", b"5.250000")]),
        (
            HEAD + b"Timestamp: 1.5\r\n" + DEBUG + b"SystemName: pbx\r\n",
            [(b"Timestamp", b"5.250000"), (b"SystemName", b"pbx")],
        ),
        (HEAD + DEBUG + b"SystemName: pbx\r\n", [(b"SystemName", b"pbx")]),
        # A caller may have written the text after the frame.
        (HEAD + b"UserEvent: x\r\nSystemName: pbx\r\n", []),
        (HEAD + b"Timestamp: now\r\nSystemName: pbx\r\n", []),
        (HEAD + b"SystemName: \r\n", []),
    ],
)
def test_the_frame_of_an_event_is_learnt(raw: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    origin = Origin()
    origin.learn(raw + b"Y: 1\r\n\r\n")
    assert origin.headers(5.25) == headers
    origin.learn(event(b"Ours", (b"Privilege", b"call,all"), *headers))
    assert origin.headers(5.25) == headers, "to learn from an event of ours changes nothing"


def test_the_frame_is_forgotten_when_asterisk_stops_writing_it() -> None:
    origin = Origin()
    assert origin.headers(0.0) == []
    origin.learn(HEAD + b"SystemName: pbx\r\n\r\n")
    origin.learn(HEAD + b"Y: 1\r\n\r\n")
    assert origin.headers(0.0) == []
