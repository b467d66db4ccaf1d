"""Messages passed on to clients are well-formed, without any id of ours and without forged headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.framing import UpstreamFramer
from amiproxy.ami.relay import (
    BROADCAST,
    BROADCAST_HEAD,
    RELAY_DIGITS,
    RELAY_MARK,
    action_id_of,
    event_list_of,
    event_name_of,
    item_head_of,
    plain_head_of,
    rebuild_event,
    relay_id_of,
    request_id_of,
    to_owner,
)
from tests.support.examples import examples

_WORDS = st.sampled_from(
    [
        b"Event",
        b"event",
        b"EventLists",
        b"eventlist",
        b"Privilege",
        b"PRIVILEGE",
        b"Response",
        b"ExpectedResponse",
        b"expectedresponse",
        b"ActionID",
        b"actionid",
        b"Channel",
        b"A",
        b"e",
        b"p",
        b"R",
        b"",
        b"na\xefve",
    ]
)
_BLANKS = st.sampled_from([b"", b"", b" ", b"\t", b"\v", b"\f", b" \t "])
_COLONS = st.sampled_from([b":", b": ", b"::", b"", b"\x85:", b"\xa0:"])
_VALUES = st.sampled_from([b"", b"x", b" x ", b"a: b", b"Event: x", b"\xff", b"\x1c"])
_BODY_LINES = st.tuples(_BLANKS, _WORDS, _BLANKS, _COLONS, _VALUES).map(b"".join).filter(bool)
_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\r\n", b"\0\r\n", b"\r\n\r\n"])
_HEADS = st.sampled_from(
    [
        *(
            b"Event: %b\r\nPrivilege: %b\r\n" % (name, classes)
            for name in (
                b"Hold",
                b"OriginateResponse",
                b"ChallengeResponseFailed",
                b"OriginateResponses",
                b"",
                b"\0",
            )
            for classes in (b"call,all", b"call", b",all", b"all")
        ),
        b"Event: Hold\nPrivilege: call,all\n",
        b"event: Hold\r\nPrivilege: call,all\r\n",
        b"Event: Hold\r\n",
        b"",
    ]
)
_MESSAGES = st.tuples(
    _HEADS, st.lists(st.tuples(_BODY_LINES, _ENDS).map(b"".join), max_size=6).map(b"".join)
).map(lambda parts: b"".join(parts) + b"\r\n")

GOOD = b"Event: Hold\r\nPrivilege: call,all\r\nChannel: a: b\r\nX:\r\n\r\n"


def test_a_sound_event_is_recognised_by_its_head():
    match = BROADCAST.fullmatch(GOOD)
    assert match is not None
    assert match[1] == b"Event: Hold\r\nPrivilege: call,all\r\n"
    head = BROADCAST_HEAD.match(GOOD)
    assert head is not None
    assert head.groups() == (match[1], b"Hold", b"call")


@pytest.mark.parametrize(
    "raw",
    [
        b"Event: Hold\r\n\r\n",
        b"Event: Hold\r\nX: 1\r\nPrivilege: call,all\r\n\r\n",
        b"Event: Status\r\nPrivilege: Call\r\n\r\n",
        GOOD[:-2] + b"Event: Second\r\n\r\n",
        GOOD[:-2] + b"privilege: all\r\n\r\n",
        GOOD[:-2] + b"Response: Success\r\n\r\n",
        GOOD[:-2] + b"ActionID: 1\r\n\r\n",
        GOOD[:-2] + b" \tEVENT : x\r\n\r\n",
        GOOD[:-2] + b"\veventlist\f:x\r\n\r\n",
        b"Event: ChallengeResponseFailed\r\nPrivilege: security,all\r\nExpectedResponse: b\r\n\r\n",
        b"Event: OriginateResponses\r\nPrivilege: call,all\r\nResponse: b\r\n\r\n",
        GOOD[:-2] + b"X: a\rb\r\n\r\n",
        GOOD[:-2] + b"X: a\0b\r\n\r\n",
        GOOD.replace(b"\r\n", b"\n"),
        b"Response: Success\r\nPrivilege: call,all\r\n\r\n",
    ],
)
def test_anything_else_is_not_a_sound_event(raw):
    assert BROADCAST.fullmatch(raw) is None


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (b"", True),
        (b"Channel: a: b\r\nX:\r\nApplication: x\r\nReason: 1\r\nExten: s\r\n", True),
        (b" X: 1\r\n", False),
        (b"X: 1\r\neVENT: A\r\n", False),
        (b"Response: Success\r\n", False),
    ],
)
def test_a_plain_event_is_recognised_by_its_lines(body, plain):
    head = b"Event: Hold\r\nPrivilege: call,all\r\n"
    raw = head + body + b"\r\n"
    assert plain_head_of(raw) == (head if plain else b"")
    assert plain_head_of(raw.replace(b"Event:", b"Row:")) == b""


def test_the_first_lines_give_action_id_and_event_name():
    assert action_id_of(b"Response: Success\r\nActionID: x y\r\nActionID: z\r\n\r\n") == b"x y"
    assert action_id_of(b"Event: A\nactionid:1\n\n") == b"1"
    assert action_id_of(b"Event: A\r\nX: ActionID: 1\r\n\r\n") == b""
    assert event_name_of(GOOD) == b"Hold"
    assert event_name_of(b"Response: A\r\n\r\n") == b""


def test_our_id_is_found_behind_forged_ones():
    ours = RELAY_MARK + b"01"
    assert relay_id_of(b"Event: A\r\nX: 1\r\nActionID: guess\r\nactionid: %b\r\n\r\n" % ours) == ours
    assert relay_id_of(b"Event: A\r\nActionID: guess\r\nX: ActionID: %b\r\n\r\n" % ours) == b""


def test_the_event_list_header_is_read_from_the_frame_only():
    assert event_list_of(b"Response: Success\r\nEventList: start\r\n\r\n") == b"start"
    assert event_list_of(b"Event: XComplete\neventlist:Complete\n\n") == b"complete"
    assert event_list_of(b"Response: Success\r\nActionID: 1\r\nEventList: Start\r\n\r\n") == b"start"
    assert event_list_of(b"Response: Success\r\nMessage: EventList: start\r\n\r\n") == b""
    assert event_list_of(b"Response: Success\r\nValue: x\r\nEventList: start\r\n\r\n") == b""
    assert event_list_of(b"Response: Success\r\n\r\n") == b""


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        (b"EventList: start\r\n\r\n", b"start"),
        (b"eventlist: Start\r\n\r\n", b"start"),
        (b"EventList: cancelled\r\n\r\n", b"cancelled"),
        (b"Message: Pong\r\nEventList: start\r\n\r\n", b""),
        (b"\r\n", b""),
    ],
)
def test_the_event_list_header_is_read_behind_our_action_id(rest: bytes, found: bytes) -> None:
    head = b"Response: Success\r\nActionID: " + RELAY_MARK
    assert event_list_of(head + b"0" * 32 + b"\r\n" + rest) == found
    assert event_list_of(head + b"0" * 31 + b"\r\n" + rest) == found


def test_our_id_is_read_whole_whichever_line_end_follows() -> None:
    for length in (0, 31, 32, 33):
        for end in (b"\r\n", b"\n"):
            ours = RELAY_MARK + b"a" * length
            assert relay_id_of(b"Event: A\r\nActionID: " + ours + end + b"\r\n") == ours
            assert relay_id_of(b"ActionID: " + ours + end + b"\r\n") == ours


def test_an_items_head_needs_its_name_and_id():
    head = b"Event: X\r\nActionID: ours\r\n"
    assert item_head_of(head + b"A: 1\r\n\r\n", b"X", b"ours") == head
    assert item_head_of(b"Event: X\r\nA: 1\r\nActionID: ours\r\n\r\n", b"X", b"ours") == b""
    assert item_head_of(b"Event: X\nActionID: ours\n\n", b"X", b"ours") == b""


class TestToOwner:
    def test_the_clients_id_is_restored_in_its_place(self):
        raw = b"Response: Success\r\nActionID: ours\r\nMessage: ours\r\n\r\n"
        assert (
            to_owner(raw, b"ours", b"\xff") == b"Response: Success\r\nActionID: \xff\r\nMessage: ours\r\n\r\n"
        )

    @pytest.mark.parametrize("end", [b"\r\n", b"\n"])
    def test_our_id_is_removed_if_the_client_sent_none(self, end):
        raw = end.join([b"Response: Success", b"ActionID: ours", b"X: 1", b"", b""])
        assert to_owner(raw, b"ours", b"") == b"Response: Success\r\nX: 1\r\n\r\n"

    def test_a_message_without_our_id_is_unchanged(self):
        assert to_owner(b"Event: PeerEntry\r\n\r\n", b"ours", b"") == b"Event: PeerEntry\r\n\r\n"

    def test_lines_without_a_colon_are_allowed_in_answers(self):
        raw = b"Response: Success\r\nActionID: ours\r\nNo categories found\r\n\r\n"
        assert to_owner(raw, b"ours", b"1") == raw.replace(b"ours", b"1")

    def test_control_bytes_are_replaced_visibly(self):
        assert to_owner(b"Response: Success\r\nValue: a\rb\0c\r\n\r\n", b"o", b"") == (
            b"Response: Success\r\nValue: a?b?c\r\n\r\n"
        )

    @pytest.mark.parametrize("ours", [b"ours", RELAY_MARK + b"0a"], ids=["plain", "marked"])
    @pytest.mark.parametrize(
        ("sent", "passed_on"),
        [
            (b"Event: X\nActionID: %b\nEventList: Complete\nListItems: 1\n\n", None),
            (b"Event: X\nActionID: %b\nPrivilege: Call\nA: 1\n\n", None),
            (b"Event: X\nPrivilege: Call\nA: 1\nActionID: %b\n\n", None),
            (b"ActionID: %b\nResponse: Success\nA: 1\n\n", None),
            (b"ActionID: %b\nEvent: X\nA: 1\n\n", None),
            (
                b"Event: X\nA: 1\nActionID: a\nactionid: b\nActionID: %b\n\n",
                b"Event: X\nA: 1\nActionID: 7\n\n",
            ),
            (b"Event: X\nActionID: %b\nA: 1\nEventList: Complete\n\n", b"Event: X\nActionID: 7\nA: 1\n\n"),
            (b"Event: X\nEventList: Complete\nActionID: %b\n\n", b"Event: X\nActionID: 7\n\n"),
            (b"Event: X\nA: 1\n\v\fEvent\t: Y\n response:\nB: 1\n\n", b"Event: X\nA: 1\nB: 1\n\n"),
            (b"Event: X\nA: 1\nB: 2\nPrivilege: x\n\n", b"Event: X\nA: 1\nB: 2\n\n"),
        ],
    )
    def test_only_asterisks_own_frame_is_passed_on(self, ours, sent, passed_on):
        sent = sent.replace(b"%b", ours).replace(b"\n", b"\r\n")
        passed_on = sent.replace(ours, b"7") if passed_on is None else passed_on.replace(b"\n", b"\r\n")
        assert to_owner(sent, ours, b"7") == passed_on

    def test_old_style_command_output_is_whole_and_unchanged(self):
        raw = b"Response: Follows\r\nPrivilege: Command\r\nActionID: ours\r\na\n\nb\n--END COMMAND--\r\n\r\n"
        assert to_owner(raw, b"ours", b"7") == raw.replace(b"ours", b"7")
        assert to_owner(raw, b"ours", b"") == raw.replace(b"ActionID: ours\r\n", b"")


class TestRebuild:
    @pytest.mark.parametrize(
        ("raw", "rebuilt"),
        [
            (GOOD, GOOD),
            (GOOD.replace(b"\r\n", b"\n"), GOOD),
            (
                GOOD[:-2]
                + b"Event: B\r\nprivilege: x\r\nEventList: start\r\nResponse: y\r\nActionID: 1\r\n\r\n",
                GOOD,
            ),
            (
                GOOD[:-2] + b"no colon\r\n bad: 1\r\n\tprivilege : x\r\n: 2\r\n\r\n",
                GOOD[:-2] + b"no colon\r\n bad: 1\r\n: 2\r\n\r\n",
            ),
            (GOOD[:-2] + b"X: a\rb\0\r\n\r\n", GOOD[:-2] + b"X: a?b?\r\n\r\n"),
            (
                b"Event: OriginateResponse\r\nPrivilege: call,all\r\nResponse: Success\r\n\r\n",
                b"Event: OriginateResponse\r\nPrivilege: call,all\r\nResponse: Success\r\n\r\n",
            ),
            (
                b"Event: OriginateResponse\r?\nPrivilege: call,all\r\nResponse: Success\r\n\r\n",
                b"Event: OriginateResponse??\r\nPrivilege: call,all\r\n\r\n",
            ),
            (
                b"Event: ChallengeResponseFailed\r\nPrivilege: security,all\r\nChallenge: 1\r\n"
                b"Response: a\r\nExpectedResponse: b\r\nX: 1\r\n\r\n",
                b"Event: ChallengeResponseFailed\r\nPrivilege: security,all\r\nChallenge: 1\r\n"
                b"Response: a\r\nX: 1\r\n\r\n",
            ),
            (b"Event: Hold\r\nX: 1\r\nPrivilege: call,all\r\n\r\n", None),
            (b"Event: Hold\r\n", None),
            (b"Event: Hold", None),
            (b"Event: Status\r\nPrivilege: Call\r\n\r\n", None),
            (b"Event: Hold\r\nPrivilege: ,all\r\n\r\n", None),
            (b"Event: \r\nPrivilege: call,all\r\n\r\n", None),
            (b"Response: x\r\nPrivilege: call,all\r\n\r\n", None),
        ],
    )
    def test_an_event_is_rebuilt(self, raw, rebuilt):
        assert rebuild_event(raw) == rebuilt

    def test_our_id_becomes_the_senders(self):
        raw = b"Event: UserEvent\r\nPrivilege: user,all\r\nactionid: ours\r\nX: 1\r\nActionID: other\r\n\r\n"
        assert rebuild_event(raw, b"ours", b"7") == (
            b"Event: UserEvent\r\nPrivilege: user,all\r\nactionid: 7\r\nX: 1\r\n\r\n"
        )
        assert rebuild_event(raw, b"ours", b"") == b"Event: UserEvent\r\nPrivilege: user,all\r\nX: 1\r\n\r\n"

    @given(st.binary(max_size=200))
    def test_the_result_is_one_sound_event(self, body):
        rebuilt = rebuild_event(b"Event: UserEvent\r\nPrivilege: user,all\r\n" + body + b"\r\n\r\n")
        assert rebuilt is not None
        assert BROADCAST.fullmatch(rebuilt)

    @examples(10)
    @given(_MESSAGES)
    def test_the_pattern_accepts_exactly_what_the_repair_leaves_unchanged(self, raw):
        assert (BROADCAST.fullmatch(raw) is not None) == (rebuild_event(raw) == raw)

    @examples(10)
    @given(_MESSAGES)
    def test_a_plain_event_needs_no_repair(self, raw):
        framer = UpstreamFramer()
        messages = framer.feed(raw)
        head = plain_head_of(raw) if framer.sound and messages == [raw] else b""
        if BROADCAST_HEAD.fullmatch(head):
            match = BROADCAST.fullmatch(raw)
            assert match is not None
            assert match[1] == head

    @examples(5)
    @given(st.lists(_BODY_LINES, max_size=8))
    def test_a_body_is_kept_except_for_frame_headers(self, lines):
        names = {b"event", b"privilege", b"response", b"actionid", b"eventlist"}
        kept = [
            line for line in lines if line.partition(b":")[0].strip().lower() not in names or b":" not in line
        ]
        raw = b"\r\n".join([b"Event: UserEvent", b"Privilege: user,all", *lines, b"", b""])
        expected = b"\r\n".join([b"Event: UserEvent", b"Privilege: user,all", *kept, b"", b""])
        assert (raw if BROADCAST.fullmatch(raw) else rebuild_event(raw)) == expected


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        (b"Response: Success\r\nActionID: %b\r\nX: 1\r\n\r\n", b"Response: Success\r\nX: 1\r\n\r\n"),
        (b"ActionID: %b\r\nResponse: Success\r\n\r\n", b"Response: Success\r\n\r\n"),
        (b"Response: Follows\r\nActionID:  %b\nout\r\n\r\n", b"Response: Follows\r\nout\r\n\r\n"),
        (b"Response: Follows\r\nnot ActionID: %b\r\n\r\n", b"Response: Follows\r\nnot ActionID: %b\r\n\r\n"),
    ],
)
def test_the_line_of_our_action_id_is_removed_if_the_client_sent_none(raw: bytes, sent: bytes) -> None:
    relay_id = RELAY_MARK + b"a" * RELAY_DIGITS
    fill = (relay_id,) if b"%b" in sent else ()
    assert to_owner(raw % relay_id, relay_id, b"") == sent % fill
    other = RELAY_MARK + b"b" * RELAY_DIGITS
    assert other in to_owner(b"Response: Follows\r\nActionID: " + other + b"\nout\r\n\r\n", relay_id, b"")


def test_a_request_id_is_the_digits_of_the_relay_id() -> None:
    assert request_id_of(RELAY_MARK + b"0a" * (RELAY_DIGITS // 2)) == "0a" * 16
