"""An action is parsed once, as Asterisk reads it; only the parsed form is sent."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import message
from amiproxy.ami.errors import ControlCharacter, LineTooLong, ProtocolError, TooManyHeaders
from amiproxy.ami.message import MAX_HEADERS, Action, Message, parse_action


def parse(text: str) -> Action:
    return parse_action(text.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n")


def headers(text: str) -> list[tuple[bytes, bytes]]:
    return list(parse(text).headers)


class TestExpiry:
    def test_an_action_does_not_expire_unless_it_is_told_when(self):
        action = parse("Action: Ping\nActionID: 1")
        assert action.expires == 0.0
        limited = action.until(5.0)
        assert (limited.expires, action.expires) == (5.0, 0.0)
        assert (limited, limited.key, limited.action_id) == (action, b"ping", b"1")
        assert limited.serialise(b"r") == action.serialise(b"r")

    def test_a_userevent_keeps_its_lines(self):
        action = parse("Action: UserEvent\nUserEvent: x\nno colon")
        assert action.until(5.0).lines() == action.lines()


class TestParse:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Action: Ping", [(b"Action", b"Ping")]),
            ("Action:Ping", [(b"Action", b"Ping")]),
            ("ACTION:\t  Ping ", [(b"ACTION", b"Ping ")]),  # trailing blanks are kept: an unknown action
            ("Action : Ping", []),
            (" Action: Ping", []),
            (": Ping", []),
            ("no colon\nAction: Ping", [(b"Action", b"Ping")]),
            ("Action: Ping\nBad Name: x\nN\xe4me: y", [(b"Action", b"Ping")]),
            # The first of each name counts, even if empty; for Action the first that is not empty.
            (
                "Action: \nActionID: \nAction: Ping\nActionID: 2\nAction: Command",
                [(b"Action", b"Ping"), (b"ActionID", b"")],
            ),
            (
                "Action: Originate\nApplication: \nApplication: System",
                [(b"Action", b"Originate"), (b"Application", b"")],
            ),
            (
                "Action: Setvar\nVariable: a=1\nVARIABLE: b=2",
                [(b"Action", b"Setvar"), (b"Variable", b"a=1"), (b"VARIABLE", b"b=2")],
            ),
            (
                "Action: UserEvent\nMy Name: x\nX: 1\nX: 2\nAction: Ping\nActionID: a\nActionID: b\n"
                " lead: y\nplain",
                [
                    (b"Action", b"UserEvent"),
                    (b"My Name", b"x"),
                    (b"X", b"1"),
                    (b"X", b"2"),
                    (b"ActionID", b"a"),
                    (b" lead", b"y"),
                    (b"plain", b""),
                ],
            ),
        ],
    )
    def test_headers_are_parsed_as_asterisk_reads_them(self, text, expected):
        assert headers(text) == expected

    def test_every_line_of_a_userevent_is_passed_on_as_written(self):
        payload = [
            b"Body",
            b" with",
            b"key:value",
            b"tab:\tx",
            b"two:  b",
            b"http://pbx/x",
            b": nameless",
            b"na\xefve\xff: 1",
            b"end: x  ",
            b"n" * 100 + b": 1",
            b"Variable",
            b"Variable: a=1",
            b" ActionID: 5",
            b"UserEvent: second",
        ]
        head = [b"Action:UserEvent", b"ActionID:  1", b"UserEvent:Two"]
        action = parse_action(b"\r\n".join([*head, *payload]))
        assert action.name == b"UserEvent"
        assert action.action_id == b"1"
        assert action.get(b"userevent") == b"Two"
        assert action.get_all(b"variable") == [b"a=1"]
        assert action.get(b"body") == b""
        assert not action.has(b"body")
        wire = action.serialise(b"ours")
        assert wire == b"\r\n".join([head[0], b"ActionID: ours", head[2], *payload, b"", b""])
        assert action.without(b"key").with_added([(b"More", b"1")]).lines() == [
            *head,
            *(line for line in payload if line != b"key:value"),
            b"More: 1",
        ]
        assert action.with_header(b"tab", b"y").lines()[6] == b"tab:\ty"
        assert action.with_header(b"UserEvent", b"y").lines() == [*head[:2], b"UserEvent:y", *payload[:-1]]
        assert action.with_header(b"new", b"y").lines()[-1] == b"new: y"
        assert action != parse_action(b"\r\n".join([*head[:1], b"ActionID: 1", *head[2:], *payload]))

    @given(
        st.lists(
            st.binary(max_size=30).map(lambda line: re.sub(rb"[\x00-\x08\x0a-\x1f]", b"", line)), max_size=9
        )
    )
    def test_the_payload_of_a_userevent_is_sent_unchanged(self, lines):
        sent = [line for line in lines if line and not line.lower().startswith((b"action:", b"actionid:"))]
        action = parse_action(b"\r\n".join([b"Action: UserEvent", *sent]))
        assert action.serialise(b"1") == b"\r\n".join([b"Action: UserEvent", *sent, b"ActionID: 1", b"", b""])

    def test_bytes_are_not_decoded(self):
        assert parse("Action: Ping\nActionID: \xff\x85\xa0").action_id == b"\xff\x85\xa0"

    @pytest.mark.parametrize(
        "raw", [b"A: \0\r\n\r\n", b"A: \r\r\n\r\n", b"A: x\ry\r\n\r\n", b"A: \x1b[1m\r\n\r\n", b"\x01\n\n"]
    )
    def test_control_characters_end_the_stream(self, raw):
        with pytest.raises(ControlCharacter) as refused:
            parse_action(raw)
        assert refused.value.fatal

    def test_line_limit_is_asterisks(self):
        assert parse("Action: Ping\nX: " + "y" * 1019).name == b"Ping"
        with pytest.raises(LineTooLong) as refused:
            parse("ActionID: 7\nAction: Ping\nX: " + "y" * 1020)
        assert refused.value.action_id == b"7"
        assert not refused.value.fatal

    def test_header_limit_is_asterisks(self):
        assert parse("Action: Ping" + "\nX: 1" * 127).name == b"Ping"
        with pytest.raises(TooManyHeaders) as refused:
            parse("Action: Ping\nActionID: 7" + "\nX: 1" * 127)
        assert refused.value.action_id == b"7"
        with pytest.raises(TooManyHeaders) as refused:
            parse("Action: Ping" + "\nX: 1" * 128 + "\nActionID: 7")
        assert refused.value.action_id == b""

    def test_an_action_id_may_fill_its_line(self):
        assert len(parse("Action: Ping\nActionID: " + "i" * 1012).action_id) == 1012
        with pytest.raises(LineTooLong) as refused:
            parse("ActionID: " + "i" * 257 + "\nX: " + "y" * 1020)
        assert refused.value.action_id == b"i" * 257


class TestAction:
    ACTION = Action([(b"Action", b"Redirect"), (b"Channel", b"a"), (b"channel", b"b"), (b"ActionID", b"9")])

    def test_headers_are_found_by_lower_case_name(self):
        assert self.ACTION.get(b"channel") == b"a"
        assert self.ACTION.get(b"exten") == b""
        assert self.ACTION.get(b"exten", b"s") == b"s"
        assert self.ACTION.get_all(b"channel") == [b"a", b"b"]
        assert self.ACTION.has(b"channel")
        assert not self.ACTION.has(b"exten")
        assert (self.ACTION.key, self.ACTION.action_id) == (b"redirect", b"9")

    def test_changes_return_a_new_action(self):
        assert self.ACTION.without(b"channel", b"actionid").headers == ((b"Action", b"Redirect"),)
        assert self.ACTION.with_header(b"Channel", b"c").headers == (
            (b"Action", b"Redirect"),
            (b"Channel", b"c"),
            (b"ActionID", b"9"),
        )
        assert self.ACTION.with_header(b"Exten", b"1").headers[-1] == (b"Exten", b"1")
        assert self.ACTION.with_added([(b"Variable", b"x=1")]).headers[-1] == (b"Variable", b"x=1")
        assert self.ACTION.get(b"channel") == b"a"

    def test_actions_are_equal_by_their_headers(self):
        assert Action(self.ACTION.headers) == self.ACTION
        assert hash(Action(self.ACTION.headers)) == hash(self.ACTION)
        assert self.ACTION.__eq__(1) is False

    def test_repr_shows_no_values(self):
        assert "sekret" not in repr(Action([(b"Action", b"Login"), (b"Secret", b"sekret")]))

    def test_serialise_puts_our_id_in_the_clients_place(self):
        assert parse("ActionID: 1\nAction: Ping\nX: 2").serialise(b"ours") == (
            b"ActionID: ours\r\nAction: Ping\r\nX: 2\r\n\r\n"
        )
        assert parse("Action:Ping").serialise(b"ours") == b"Action: Ping\r\nActionID: ours\r\n\r\n"

    def test_our_additions_may_not_exceed_asterisks_limits(self):
        with pytest.raises(TooManyHeaders):
            parse("Action: Setvar" + "\nVariable: a=1" * 127).serialise(b"ours")
        with pytest.raises(LineTooLong):
            parse("Action: Ping\nX:" + "y" * 1020).serialise(b"ours")  # we write the blank after the colon


NAMES = st.sampled_from([b"Action", b"action", b"ActionID", b"Variable", b"Channel", b"X-Y", b"a.b(c)"])
VALUES = st.binary(max_size=30).filter(lambda v: not any(b < 0x20 and b != 9 for b in v))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=20))
def test_parse_of_serialise_is_identity(pairs):
    """Asterisk reads the sent bytes, by its own rules, as exactly the action that was judged."""
    raw = b"".join(name + b": " + value + b"\r\n" for name, value in pairs) + b"\r\n"
    try:
        action = parse_action(raw)
        again = parse_action(action.serialise(b"relay"))
    except ProtocolError:
        return
    before = [h for h in action.headers if h[0].lower() != b"actionid"]
    after = [h for h in again.headers if h[0].lower() != b"actionid"]
    assert after == before
    assert again.action_id == b"relay"


@given(st.binary(max_size=300))
def test_any_bytes_parse_or_are_refused(raw):
    try:
        action = parse_action(raw)
    except ProtocolError:
        return
    serialised = action.serialise(b"x")
    assert serialised.count(b"\r\n\r\n") == 1
    assert serialised.endswith(b"\r\n\r\n")
    assert serialised.replace(b"\r\n", b"").count(b"\n") == 0


def test_responses_and_events_are_written():
    assert message.error(b"1", b"no") == b"Response: Error\r\nActionID: 1\r\nMessage: no\r\n\r\n"
    assert message.success(b"", b"yes") == b"Response: Success\r\nMessage: yes\r\n\r\n"
    assert message.event(b"E", (b"A", b"b")) == b"Event: E\r\nA: b\r\n\r\n"


def test_message_lookup_is_lazy_and_takes_the_first():
    reply = Message(b"Response: Success\r\nX:  1 \nx: 2\r\nno colon\r\n\r\n")
    assert reply.get(b"x") == b"1 "
    assert reply.get(b"y", b"none") == b"none"
    assert reply.headers == [(b"Response", b"Success"), (b"X", b"1 "), (b"x", b"2")]


class TestThousandsOfLines:
    """The cost of refusing a message with too many lines does not grow with their number."""

    def test_it_is_refused_with_the_id_of_its_first_lines(self) -> None:
        with pytest.raises(TooManyHeaders) as caught:
            parse_action(b"Action: Ping\r\nActionID: 7\r\n" + b"a:b\n" * 13_000 + b"\r\n")
        assert caught.value.action_id == b"7"
        assert not caught.value.fatal

    def test_no_more_lines_are_examined_than_a_message_may_have(self) -> None:
        with pytest.raises(TooManyHeaders):
            parse_action(b"Action: Ping\r\n" + b"a:b\r\n" * MAX_HEADERS + b"\0\r\n\r\n")

    def test_a_control_character_in_the_examined_lines_is_fatal(self) -> None:
        with pytest.raises(ControlCharacter):
            parse_action(b"Action: Ping\r\n\0\r\n" + b"a:b\r\n" * MAX_HEADERS + b"\r\n")

    def test_empty_lines_do_not_evade_the_limit(self) -> None:
        with pytest.raises(TooManyHeaders):
            parse_action(b"Action: Ping\r\n" + b"\n" * MAX_HEADERS + b"a:b\r\n\r\n")

    def test_as_many_lines_as_asterisk_accepts_pass(self) -> None:
        action = parse_action(b"Action: Ping\r\n" + b"Variable: a=b\r\n" * (MAX_HEADERS - 1) + b"\r\n")
        assert len(action.headers) == MAX_HEADERS
