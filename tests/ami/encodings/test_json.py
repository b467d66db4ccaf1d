"""Each message of AMI is one JSON object: valid JSON in valid UTF-8, whatever callers put into it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.encodings import json as codec
from amiproxy.ami.encodings.json import (
    action_id_of,
    answer,
    event_object,
    message_objects,
    messages_in,
    quoted,
    sequence_of,
    server_of,
)
from amiproxy.ami.stamp import numbered, stamp_of, stamped, stamped_response

HANGUP = b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/1\r\n\r\n"


def test_a_header_is_a_member_with_its_name_and_a_string() -> None:
    assert event_object(HANGUP) == b'{"Event":"Hangup","Privilege":"call,all","Channel":"PJSIP/1"}'


@pytest.mark.parametrize(
    ("lines", "members"),
    [
        (b"AccountCode: \r\n", {"AccountCode": ""}),
        (b"AccountCode:\r\n", {"AccountCode": ""}),
        (b"Number:7\r\n", {"Number": "7"}),
        (b"Name:  two\r\n", {"Name": " two"}),
        (b"Data: a: b\r\n", {"Data": "a: b"}),
        (b"a:b: c\r\n", {"a": "b: c"}),
        (b'Name: "\\\t\x01\x7f\r\n', {"Name": '"\\\t\x01\x7f'}),
        (b'Na"me: 1\r\n', {'Na"me': "1"}),
        (b"Name: Zo\xc3\xab\r\n", {"Name": "Zo\xeb"}),
        (b"Name: Zo\xeb\r\n", {"Name": "Zo\ufffd"}),
        (b"Name: \xed\xa0\x80\r\n", {"Name": "\ufffd\ufffd\ufffd"}),
        (b"Name: \xe2\x80\xa8\r\n", {"Name": "\u2028"}),
        (b"Name: a\nb\rc\r\n", {"Name": "a\nb\rc"}),
        (b"Name: a\rb\nc\r\n", {"Name": "a\rb\nc"}),
        (b"Note: 1\r\nNote: 2\r\nNote: 3\r\n", {"Note": ["1", "2", "3"]}),
        (b"Output: one\r\n", {"Output": ["one"]}),
        (b"ChanVariable: A=1\r\nChanVariable: B=2\r\n", {"ChanVariable": ["A=1", "B=2"]}),
        (b"Note: 1\r\nnote: 2\r\n", {"Note": "1", "note": "2"}),
        (b"ActionID: 5\r\nactionid: 6\r\nProxySequence: T\r\n", {}),
        (b"no header\r\n: no name\r\nA: 1\r\n", {"A": "1"}),
    ],
)
def test_values_of_all_kinds(lines: bytes, members: dict[str, object]) -> None:
    for _ in range(2):  # the names are known at the second time
        assert json.loads(event_object(b"Event: X\r\n" + lines + b"\r\n")) == {"Event": "X", **members}


def test_a_message_of_left_out_headers_is_an_empty_object() -> None:
    assert event_object(b"ActionID: 5\r\n\r\n") == b"{}"


def test_invented_names_are_not_kept_for_ever() -> None:
    for number in range(codec._MOST_KEYS + 1):
        event_object(b"Event: UserEvent\r\nX%d: 1\r\n\r\n" % number)
    event_object(b"Event: UserEvent\r\n" + b"Y" * 1000 + b": 1\r\n\r\n")
    assert len(codec._KEYS) <= codec._MOST_KEYS
    assert max(map(len, codec._KEYS)) < 100


@given(st.binary(max_size=300))
def test_any_bytes_are_an_object_of_strings_and_arrays_of_strings(data: bytes) -> None:
    text = event_object(data)
    assert b"\n" not in text
    assert b"\r" not in text
    assert b"\0" not in text
    for value in json.loads(text.decode()).values():
        assert isinstance(value, str) or all(isinstance(one, str) for one in value)


_NAME = st.from_regex(rb"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)
_VALUE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(_NAME, _VALUE), max_size=8))
def test_every_value_is_kept(headers: list[tuple[bytes, str]]) -> None:
    raw = b"".join(b"%b: %b\r\n" % (name, value.encode()) for name, value in headers) + b"\r\n"
    expected: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in (b"actionid", b"proxysequence"):
            expected.setdefault(name.decode(), []).append(value)
    found = json.loads(event_object(raw))
    assert {name: value if isinstance(value, list) else [value] for name, value in found.items()} == expected
    assert list(found) == list(expected)


# -- beside the object ---------------------------------------------------------


def test_the_position_of_an_event() -> None:
    event = numbered(HANGUP, b"T-_9")
    assert sequence_of(event) == b"T-_9"
    assert sequence_of(stamped(event, stamp_of(b"pbx1"))) == b"T-_9"
    assert event_object(event) == event_object(HANGUP)


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"ProxySequence: T\r\nNote: 1\r\n",
        b'ProxySequence: "\r\n',
        b"ProxySequence: \r\n",
        b"ProxySequence: T\r\nServer: a\r\nServer: b\r\n",
    ],
)
def test_what_is_no_position_is_none(lines: bytes) -> None:
    assert sequence_of(b"Event: UserEvent\r\n" + lines + b"\r\n") == b""


def test_the_server_is_the_last_header() -> None:
    assert server_of(stamped(HANGUP, stamp_of(b"pbx1"))) == b"pbx1"
    assert server_of(HANGUP) == b""
    assert server_of(b"Event: UserEvent\r\nServer: a\r\nNote: 1\r\n\r\n") == b""
    assert server_of(b"") == b""


def test_the_action_id_of_an_answer() -> None:
    assert action_id_of(b"Response: Success\r\nActionID: 5\r\n\r\n") == b"5"
    assert action_id_of(b"Response: Success\r\n\r\n") == b""


def test_a_text_is_quoted() -> None:
    assert quoted(b'a"\xff') == '"a\\"\ufffd"'.encode()


# -- answers ---------------------------------------------------------------------

LIST = (
    b"Response: Success\r\nActionID: 1\r\nEventList: start\r\nMessage: will follow\r\n\r\n"
    b"Event: CoreShowChannel\r\nActionID: 1\r\nChannel: PJSIP/1\r\n\r\n"
    b"Event: CoreShowChannelsComplete\r\nActionID: 1\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
)


def test_an_answer_is_a_response_and_its_items() -> None:
    found = answer(LIST)
    assert json.loads(found.response) == {
        "Response": "Success",
        "EventList": "start",
        "Message": "will follow",
    }
    assert [json.loads(item)["Event"] for item in found.items] == [
        "CoreShowChannel",
        "CoreShowChannelsComplete",
    ]
    assert (found.kind, found.text, found.action_id) == (b"Success", b"will follow", b"1")
    assert message_objects(LIST) == [found.response, *found.items]


def test_no_answer_has_no_response() -> None:
    assert answer(b"") == (b"", [], b"", b"", b"")


def test_a_response_without_a_message() -> None:
    assert answer(b"Response: Success\r\nPing: Pong\r\n\r\n").text == b""


def test_a_second_response_is_an_item() -> None:
    found = answer(b"Response: Success\r\n\r\nResponse: Error\r\n\r\n")
    assert (found.kind, found.items) == (b"Success", [b'{"Response":"Error"}'])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"one\ntwo: 2\n\n three\n--END COMMAND--\r\n\r\n", ["one", "two: 2", "", " three"]),
        (b"one\r\n\r\ntwo\r\n--END COMMAND--\r\n\r\n", ["one", "", "two"]),
        (b"--END COMMAND--\r\n\r\n", [""]),
        (b"Output: Server: x\n--END COMMAND--\r\n\r\n", ["Server: x"]),
        (b'"\\\x01\n--END COMMAND--\r\n\r\n', ['"\\\x01']),
    ],
)
def test_the_free_text_of_an_old_command_is_its_output(text: bytes, lines: list[str]) -> None:
    raw = b"Response: Follows\r\nPrivilege: Command\r\nActionID: 7\r\n" + text
    expected = {"Response": "Follows", "Privilege": "Command", "Output": lines}
    assert messages_in(raw) == [raw]
    assert json.loads(answer(raw).response) == expected
    assert answer(raw).action_id == b"7"


def test_the_free_text_of_one_of_several_servers() -> None:
    raw = b"Response: Follows\r\nPrivilege: Command\r\nActionID: 7\r\none\n--END COMMAND--\r\n\r\n"
    found = json.loads(event_object(stamped_response(raw, stamp_of(b"pbx1"))))
    assert (found["Server"], found["Output"]) == ("pbx1", ["one"])
