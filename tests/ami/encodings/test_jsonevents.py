"""Events are messages with a type, a position and a server; those about the stream have their own types."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.encodings.jsonevents import event_message
from amiproxy.ami.stamp import numbered, stamp_of, stamped

HANGUP = b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/1\r\n\r\n"
DATA = {"Event": "Hangup", "Privilege": "call,all", "Channel": "PJSIP/1"}
PBX = stamp_of(b"pbx1")


def test_an_event_of_a_session_with_one_server() -> None:
    assert json.loads(event_message(HANGUP)) == {"type": "event", "data": DATA}
    assert json.loads(event_message(numbered(HANGUP, b"T"))) == {"type": "event", "seq": "T", "data": DATA}


def test_an_event_of_a_session_with_several_servers() -> None:
    data = {**DATA, "Server": "pbx1"}
    message = {"type": "event", "server": "pbx1", "data": data}
    assert json.loads(event_message(stamped(HANGUP, PBX))) == message
    event = stamped(numbered(HANGUP, b"T"), PBX)
    assert json.loads(event_message(event)) == {"seq": "T", **message}


def test_an_event_that_follows_an_action_has_its_id() -> None:
    raw = HANGUP.replace(b"Channel:", b'ActionID: a"b\r\nChannel:')
    assert json.loads(event_message(raw)) == {"type": "event", "id": 'a"b', "data": DATA}


def test_a_heartbeat_has_the_position() -> None:
    raw = b"Event: ProxyHeartbeat\r\nPrivilege: system,all\r\nSequence: T-_\r\n\r\n"
    assert json.loads(event_message(raw)) == {"type": "heartbeat", "seq": "T-_"}
    assert json.loads(event_message(stamped(raw, PBX))) == {
        "type": "heartbeat",
        "seq": "T-_",
        "server": "pbx1",
    }
    assert json.loads(event_message(raw.replace(b"T-_", b""))) == {"type": "heartbeat"}


def test_dropped_events_are_counted() -> None:
    raw = b"Event: ProxyEventsDropped\r\nPrivilege: system,all\r\nCount: 12\r\n\r\n"
    assert json.loads(event_message(raw)) == {"type": "lost", "count": 12}


@pytest.mark.parametrize(("status", "state"), [(b"Up", "up"), (b"Down", "down")])
def test_a_link_goes_up_and_down(status: bytes, state: str) -> None:
    raw = b"Event: ProxyUpstream\r\nPrivilege: system,all\r\nStatus: %b\r\nReason: x\r\n\r\n" % status
    found = json.loads(event_message(stamped(raw, PBX)))
    assert (found["type"], found["server"], found["state"]) == ("link", "pbx1", state)
    assert found["data"]["Reason"] == "x"


@pytest.mark.parametrize(
    "raw",
    [
        b"Event: ProxyShutdown\r\nPrivilege: system,all\r\n\r\n",
        b"Event: ProxyUpstream\r\nPrivilege: system,all\r\nStatus: Odd\r\n\r\n",
        b"Event: ProxyEventsDropped\r\nCount: many\r\n\r\n",
    ],
)
def test_others_are_ordinary_events(raw: bytes) -> None:
    assert json.loads(event_message(raw))["type"] == "event"


@given(st.binary(max_size=200), st.sampled_from([b"", b"Event: Proxy", b"Event: ProxyHeartbeat\r\n"]))
def test_any_bytes_are_one_json_text_in_one_line(data: bytes, head: bytes) -> None:
    text = event_message(head + data)
    assert b"\n" not in text
    assert b"\r" not in text
    assert json.loads(text.decode())["type"] in ("event", "heartbeat", "lost", "link")
