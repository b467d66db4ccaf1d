"""Cut anywhere, the messages are the same; the limit applies; Asterisk's irregular output is handled."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.errors import MessageTooLong
from amiproxy.ami.framing import ActionFramer, UpstreamFramer
from amiproxy.ami.relay import RELAY_MARK

ANSWER = b"Response: Follows\r\nPrivilege: Command\r\nActionID: " + RELAY_MARK + b"1\r\n"
LINES = st.sampled_from(
    [
        b"Action: Ping",
        b"X: y",
        b"a",
        b"\x00",
        b"\r",
        b"Response: Follows",
        b" : ",
        ANSWER[:-2],
        b"ActionID: 1",
    ]
)
ENDS = st.sampled_from([b"\r\n", b"\n"])
STREAM = st.lists(st.one_of(st.tuples(LINES, ENDS).map(b"".join), ENDS), max_size=30).map(b"".join)


def in_pieces(framer, data: bytes, cuts: list[int]) -> list[bytes]:
    points = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    messages: list[bytes] = []
    for start, stop in itertools.pairwise(points):
        messages += framer.feed(data[start:stop])
    return messages


class TestActionFramer:
    @given(STREAM, st.lists(st.integers(0, 1000), max_size=12))
    def test_cuts_do_not_change_the_messages(self, data, cuts):
        whole, pieces = ActionFramer(), ActionFramer()
        assert in_pieces(pieces, data, cuts) == whole.feed(data)
        assert pieces.pending == whole.pending

    @given(STREAM)
    def test_no_byte_is_lost_or_made_up(self, data):
        framer = ActionFramer()
        messages = framer.feed(data)
        assert data.startswith(b"".join(messages))
        assert len(data) == sum(map(len, messages)) + framer.pending

    @pytest.mark.parametrize(
        ("data", "messages"),
        [
            (b"A: 1\r\n\r\n", [b"A: 1\r\n\r\n"]),
            (b"A: 1\n\n", [b"A: 1\n\n"]),
            (b"A: 1\n\r\n", [b"A: 1\n\r\n"]),
            (b"A: 1\r\n\n", [b"A: 1\r\n\n"]),
            (b"\r\n", [b"\r\n"]),
            (b"\n\r\n", [b"\n", b"\r\n"]),
            (b"A: 1\r\n\r\nB: 2\r\n\r\n", [b"A: 1\r\n\r\n", b"B: 2\r\n\r\n"]),
            # Not a blank line: a header whose text is a CR (ami-facts.md §1.1).
            (b"A: 1\r\n\r\r\n", []),
            (b"A: 1\r\n", []),
        ],
    )
    def test_a_message_ends_where_asterisk_ends_it(self, data, messages):
        assert ActionFramer().feed(data) == messages

    @pytest.mark.parametrize("size", [100, 200])
    def test_an_unfinished_message_over_the_limit_is_refused(self, size):
        framer = ActionFramer(99)
        with pytest.raises(MessageTooLong):
            framer.feed(b"x" * size)

    def test_a_finished_message_over_the_limit_is_refused(self):
        with pytest.raises(MessageTooLong):
            ActionFramer(10).feed(b"A: 1\r\n\r\nB: 0123456789\r\n\r\n")


class TestUpstreamFramer:
    @given(STREAM, st.lists(st.integers(0, 1000), max_size=12))
    def test_cuts_do_not_change_the_messages(self, data, cuts):
        assert in_pieces(UpstreamFramer(), data, cuts) == UpstreamFramer().feed(data)

    @pytest.mark.parametrize(
        ("data", "messages"),
        [
            (b"\r\n\r\n\nEvent: A\r\n\r\n", [b"Event: A\r\n\r\n"]),
            # A message text that contains LF: ends one line early, and a stray blank line remains.
            (b"Message: no\n\r\n\r\nEvent: A\r\n\r\n", [b"Message: no\n\r\n", b"Event: A\r\n\r\n"]),
            (b"\rEvent: A\r\n\r\n", [b"Event: A\r\n\r\n"]),
            (b"Event: A\nX: 1\n\n", [b"Event: A\nX: 1\n\n"]),
            (b"Response: Followed\r\n\r\n", [b"Response: Followed\r\n\r\n"]),
            (
                ANSWER + b"one\n\ntwo\n\nthree--END COMMAND--\r\n\r\nEvent: A\r\n\r\n",
                [ANSWER + b"one\n\ntwo\n\nthree--END COMMAND--\r\n\r\n", b"Event: A\r\n\r\n"],
            ),
            # Written by a caller: not our ActionID, so not free text, and the text after it is not swallowed.
            (
                b"Response: Follows\r\nPrivilege: Command\r\nActionID: 1\r\n\r\nEvent: A\r\n\r\n",
                [b"Response: Follows\r\nPrivilege: Command\r\nActionID: 1\r\n\r\n", b"Event: A\r\n\r\n"],
            ),
            (
                b"Response: Follows\r\n\r\nEvent: A\r\n\r\n",
                [b"Response: Follows\r\n\r\n", b"Event: A\r\n\r\n"],
            ),
            # Only the first line makes it free text, whatever comes later (ami-facts.md §2.3).
            (b"Event: A\r\nX: Response: Follows\r\n\r\n", [b"Event: A\r\nX: Response: Follows\r\n\r\n"]),
        ],
    )
    def test_messages_end_where_asterisk_ends_them(self, data, messages):
        assert UpstreamFramer().feed(data) == messages

    @given(STREAM)
    def test_sound_input_consists_of_whole_messages_with_crlf_lines(self, data):
        framer = UpstreamFramer()
        messages = framer.feed(data)
        if framer.sound:
            joined = b"".join(messages)
            assert data.startswith(joined)
            assert not set(joined.replace(b"\r\n", b"")) & {*b"\r\n\0"}
            assert all(raw.find(b"\r\n\r\n") == len(raw) - 4 > 0 for raw in messages)
            assert b"\r\n\r\n" not in data[len(joined) :]

    @pytest.mark.parametrize(
        ("data", "sound"),
        [
            (b"Event: A\r\n\r\nEvent: B\r\nX: 1\r\n\r\nEve", True),
            (b"", True),
            (b"Event: A\r\nX: a\0b\r\n\r\n", False),
            (b"Event: A\r\nX: a\rb\r\n\r\n", False),
            # As many of both, in turn, but not beside each other.
            (b"Event: A\r\nX: a\rEvent: B\nY: c\r\n\r\n", False),
            (b"Event: A\r\nX: a\r\n\r\nEve\r", True),
            (b"Event: A\r\nX: a\r\n\r\nE\rv\n", False),
            (b"Event: A\nX: 1\r\n\r\n", False),
            (b"Event: A\r\n\r\n\r\nEvent: B\r\n\r\n", False),
            (b"Response: Follows\r\n\r\n", False),
        ],
    )
    def test_input_is_sound_or_not(self, data, sound):
        framer = UpstreamFramer()
        framer.feed(data)
        assert framer.sound == sound

    def test_long_messages_are_not_sound(self):
        framer = UpstreamFramer(limit=25, longest=50)
        framer.feed(b"Event: A\r\nX: 1\r\n\r\nEvent: B\r\n\r\n")
        assert not framer.sound
        framer = UpstreamFramer(limit=50, longest=25)
        framer.feed(b"Event: A\r\nX: 1\r\n\r\nEvent: B\r\n\r\n")
        assert not framer.sound

    def test_a_message_too_long_is_left_out_and_its_beginning_kept_with_its_place(self):
        framer = UpstreamFramer(limit=20)
        first, long, last = b"A: 1\r\n\r\n", b"X: " + b"y" * 30 + b"\r\n\r\n", b"B: 1\r\n\r\n"
        assert framer.feed(first + long + last) == [first, last]
        assert framer.cut == [(1, long)]
        assert framer.feed(first) == [first]
        assert framer.cut == []

    @pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\n\r\n"])
    @pytest.mark.parametrize("piece", [1, 7, 64])
    def test_an_endless_message_is_discarded_as_it_arrives(self, end, piece):
        framer = UpstreamFramer(limit=20, longest=50)
        head = b"Event: Status\r\nActionID: 1\r\n"
        stream = head + b"y" * 5000 + end + b"A: 1\r\n\r\n"
        messages, cut = [], []
        for start in range(0, len(stream), piece):
            messages += framer.feed(stream[start : start + piece])
            cut += framer.cut
            assert len(framer._buffer) <= 50 + piece, "memory is flat"
        assert messages == [b"A: 1\r\n\r\n"]
        ((place, beginning),) = cut
        assert place == 0
        assert beginning.startswith(head), "reported once, with the ActionID"
        assert not framer.inside

    def test_free_text_is_discarded_up_to_its_own_end(self):
        framer = UpstreamFramer(limit=100, longest=200)
        assert not framer.discards
        framer.feed(ANSWER + b"x" * 300 + b"\n\nEvent: forged\r\n\r\n")
        assert framer.inside
        assert framer.discards
        assert framer.feed(b"--END COMMAND--\r\n\r\nA: 1\r\n\r\n") == [b"A: 1\r\n\r\n"]
        assert not framer.discards


def test_thousands_of_lines_are_one_message() -> None:
    message = b"Action: Ping\r\n" + b"a:b\n" * 13_000 + b"\r\n"
    framer = ActionFramer(1 << 20)
    found: list[bytes] = []
    for start in range(0, len(message), 16_384):
        found += framer.feed(message[start : start + 16_384])
    assert found == [message]


def test_empty_lines_of_both_kinds_end_messages_in_their_order() -> None:
    data = b"a: 1\r\n\r\nb: 2\n\nc: 3\n\r\nd: 4\r\n\nunfinished"
    assert ActionFramer().feed(data) == [b"a: 1\r\n\r\n", b"b: 2\n\n", b"c: 3\n\r\n", b"d: 4\r\n\n"]


_PIECES = [b"\n", b"\r\n", b"\r", b"a", b"Event: x", b"Response: Follows", b"\r\n\r\n", b"\n\n", b": y\r\n"]


@given(st.lists(st.sampled_from(_PIECES), max_size=24), st.integers(1, 7))
def test_messages_from_asterisk_end_at_the_first_empty_line(pieces: list[bytes], step: int) -> None:
    data = b"".join(pieces)
    framer = UpstreamFramer()
    cut = [message for n in range(0, len(data), step) for message in framer.feed(data[n : n + step])]
    # The same by one regular expression: noise, then all up to an empty line.
    expected = [found[1] for found in re.finditer(rb"[\r\n]*((?![\r\n])(?s:.*?)\n\r?\n)", data)]
    assert cut == expected
