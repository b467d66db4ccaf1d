"""Parameters are decoded as Asterisk does it, and only what is sound becomes an action."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.encodings.parameters import UnfitParameter, action_name, as_action, decode, last
from amiproxy.ami.errors import LineTooLong, ProtocolError, TooManyHeaders
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import MAX_HEADERS, MAX_LINE, parse_action
from tests.differential.asterisk_reader import AsteriskReader


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (b"", []),
        (b"action=ping", [(b"action", b"ping")]),
        (b"ACTION=Ping&ActionID=1", [(b"ACTION", b"Ping"), (b"ActionID", b"1")]),
        # As seen in the UserEvents of Asterisk 22.
        (b"x=%zz&y=%4&z=%41+%2b%25", [(b"x", b"%zz"), (b"y", b"%4"), (b"z", b"A +%")]),
        (b"v=a=b;c", [(b"v", b"a=b;c")]),
        (b"novalue&t=+lead+", [(b"novalue", b""), (b"t", b" lead ")]),
        (b"A%5b%5d=1&x+y=2", [(b"A[]", b"1"), (b"x y", b"2")]),
        (b"u=%c3%a9&l=\xe9", [(b"u", b"\xc3\xa9"), (b"l", b"\xe9")]),
        (b"a=1&a=2", [(b"a", b"1"), (b"a", b"2")]),
        (b"&&action=ping&", [(b"action", b"ping")]),
        (b"=x", [(b"", b"x")]),
        (b"a=%00b%0d%0a", [(b"a", b"\0b\r\n")]),
        (b"a%3Db%26=c", [(b"a=b&", b"c")]),
    ],
)
def test_decoding(form: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert decode(form) == expected


def test_the_first_action_that_is_not_empty_counts_as_in_the_form_of_the_page() -> None:
    assert action_name(decode(b"action=&Action=ping&action=logoff")) == b"ping"
    assert action_name(decode(b"actionid=1&action=")) == b""
    assert action_name(decode(b"action=+&action=++ping+")) == b"ping "


@given(names=st.lists(st.sampled_from([b"", b" ", b"\t", b" Ping", b"Ping ", b"Logoff"]), max_size=4))
def test_the_name_is_the_one_that_ami_reads(names: list[bytes]) -> None:
    parameters = [(b"Action", name) for name in names]
    assert parse_action(as_action(parameters)).name == action_name(parameters)


def test_the_last_of_a_parameter_for_the_door_itself_counts() -> None:
    assert last(decode(b"ajaxdest=a&AJAXDEST=b"), b"ajaxdest") == b"b"
    assert last(decode(b"ajaxdest=a&ajaxdest="), b"ajaxdest") == b""
    assert last([], b"ajaxdest") == b""


def test_an_action_is_ami() -> None:
    form = b"action=Originate&Variable=A%3D1&Variable=B=2,C=3&ActionID=x"
    assert as_action(decode(form)) == (
        b"action: Originate\r\nVariable: A=1\r\nVariable: B=2,C=3\r\nActionID: x\r\n\r\n"
    )
    assert as_action([]) == b"\r\n"


@pytest.mark.parametrize(
    "form",
    [
        b"actionid=1%0d%0aInjected:%20yes",
        b"a=1%0ab",
        b"a=1%0db",
        b"a=1%00b",
        b"a%00b=1",
        b"a%0d%0aAction:=1",
        b"a%0a=1",
        b"a=\x1b[2J",
        b"=x",
        b"+=x",
        b"+a=x",
        b"a+=x",
        b"a%09=x",
        b"a:=x",
        b"a%3ab=x",
        b":=x",
    ],
)
def test_a_parameter_that_cannot_be_a_header_is_refused(form: bytes) -> None:
    with pytest.raises(UnfitParameter):
        as_action(decode(b"action=UserEvent&" + form))


@pytest.mark.parametrize(
    "form", [b"a=x%09y", b"a=%7f", b"a=%ff", b"My+Header=1", b"a=", b"a%5b%5d=1", b"_=1"]
)
def test_other_parameters_pass(form: bytes) -> None:
    assert as_action(decode(form)).endswith(b"\r\n\r\n")


def test_the_limits_of_ami_hold_and_the_error_has_the_action_id() -> None:
    most = [(b"a", b"1")] * (MAX_HEADERS - 1)
    as_action([*most, (b"ActionID", b"7")])
    with pytest.raises(TooManyHeaders) as many:
        as_action([*most, (b"b", b""), (b"ActionID", b"7")])
    assert many.value.action_id == b"7"
    fits = b"x" * (MAX_LINE - len(b"a: "))
    as_action([(b"a", fits)])
    with pytest.raises(LineTooLong) as long:
        as_action([(b"actionid", b"8"), (b"a", fits + b"x")])
    assert long.value.action_id == b"8"
    with pytest.raises(LineTooLong) as itself:
        as_action([(b"actionid", b"8" * 2000)])
    assert itself.value.action_id == b""


_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"action", b"UserEvent", b"=", b"&", b"%", b"%0d", b"%0a", b"%00", b":", b"+", b"%3a"]
        ),
        st.binary(max_size=4),
    ),
    max_size=30,
).map(b"".join)


@given(form=_PIECES)
def test_no_line_end_or_nul_passes_and_asterisk_reads_exactly_these_headers(form: bytes) -> None:
    parameters = [(b"Action", b"UserEvent"), *decode(form)]
    try:
        data = as_action(parameters)
    except ProtocolError:
        return
    assert not re.search(rb"\0|\r(?!\n)|(?<!\r)\n", data)
    assert data.count(b"\r\n") == len(parameters) + 1
    assert data.endswith(b"\r\n\r\n")
    assert data.index(b"\r\n\r\n") == len(data) - 4
    framer = ActionFramer()
    assert framer.feed(data) == [data]
    action = parse_action(data)
    assert action.name == b"UserEvent"
    (read,) = AsteriskReader().feed(action.serialise(b"id"))
    assert read.action == b"UserEvent"
    assert read.get(b"ActionID") == b"id"


@given(form=_PIECES)
def test_a_part_is_a_header_or_the_whole_form_is_refused(form: bytes) -> None:
    parts = [part for part in form.split(b"&") if part]
    assert len(decode(form)) == len(parts)
