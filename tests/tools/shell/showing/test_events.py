"""Live events, one line each."""

import pytest

from amiproxy.ami import message
from amiproxy.ami.message import Message
from amiproxy.tools.shell.showing.events import event, unshown

NEW = Message(
    message.event(
        b"Newchannel",
        (b"Privilege", b"call,all"),
        (b"Channel", b"PJSIP/alice-1"),
        (b"ChannelState", b"0"),
        (b"CallerIDName", b"\x1b]0;x\x07"),
        (b"AccountCode", b""),
        (b"Uniqueid", b"17.1"),
        (b"DestUniqueid", b"17.2"),
        (b"Context", b"from-inside"),
    )
)


def test_an_event_is_its_time_its_name_and_what_says_something() -> None:
    line = event(NEW, "12:00:00", 200).plain
    assert line == "12:00:00 Newchannel Channel=PJSIP/alice-1 CallerIDName=\\x1b]0;x\\x07 Context=from-inside"


@pytest.mark.parametrize("width", [10, 20, 30, 40, 80])
def test_an_event_is_cut_to_the_width(width: int) -> None:
    line = event(NEW, "12:00:00", width)
    assert line.cell_len <= max(width, len("12:00:00 Newchannel"))


def test_events_that_were_counted_are_a_line() -> None:
    assert unshown(1).plain.startswith("… 1 more event,")
    assert unshown(7).plain.startswith("… 7 more events,")


def test_the_server_that_an_event_is_from_comes_first() -> None:
    stamped = Message(NEW.raw[:-2] + b"Server: pbx2\r\n\r\n")
    line = event(stamped, "12:00:00", 200).plain
    assert line.startswith("12:00:00 pbx2 Newchannel Channel=PJSIP/alice-1 ")
    assert "Server" not in line
