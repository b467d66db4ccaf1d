"""Answers and events as JSON."""

import json

from amiproxy.ami import message
from amiproxy.ami.message import Message
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.language.actions import read_line
from amiproxy.tools.shell.showing import json_lines


def test_a_list_is_a_line_for_each_item() -> None:
    found = Answer(read_line("CoreShowChannels").action, b"1")
    found.take(Message(message.response(b"Success", b"1", (b"EventList", b"start"))))
    found.take(Message(message.event(b"CoreShowChannel", (b"ActionID", b"1"), (b"Channel", b"a"))))
    found.take(
        Message(message.event(b"CoreShowChannelsComplete", (b"ActionID", b"1"), (b"EventList", b"Complete")))
    )
    assert [json.loads(line) for line in json_lines.answer(found)] == [
        {"Event": "CoreShowChannel", "Channel": "a"}
    ]


def test_a_single_answer_and_an_error_are_one_line() -> None:
    found = Answer(read_line("CoreShowChannels").action, b"1")
    found.take(Message(message.error(b"1", b"Permission denied")))
    assert [json.loads(line) for line in json_lines.answer(found)] == [
        {"Response": "Error", "Message": "Permission denied"}
    ]


def test_a_list_that_was_cancelled_ends_with_the_event_that_says_so() -> None:
    found = Answer(read_line("CoreShowChannels").action, b"1")
    found.take(Message(message.response(b"Success", b"1", (b"EventList", b"start"))))
    found.take(
        Message(message.event(b"CoreShowChannelsComplete", (b"ActionID", b"1"), (b"EventList", b"Cancelled")))
    )
    assert [json.loads(line)["EventList"] for line in json_lines.answer(found)] == ["start", "Cancelled"]


def test_a_header_that_repeats_and_output_are_lists() -> None:
    raw = message.response(b"Success", b"", (b"Output", b"a"), (b"V", b"1"), (b"V", b"2"), (b"V", b"3"))
    assert json.loads(json_lines.message(Message(raw))) == {
        "Response": "Success",
        "Output": ["a"],
        "V": ["1", "2", "3"],
    }


def test_a_line_is_valid_json_that_no_terminal_interprets() -> None:
    value = "é\x9b2J\x1b \u202e \U000e0001".encode()
    line = json_lines.message(Message(message.event(b"X", (b"A", value), (b"B", b"\xff"))))
    assert line.isprintable()
    assert json.loads(line) == {"Event": "X", "A": value.decode(), "B": "\\xff"}


def test_rows_outside_messages_are_text() -> None:
    found = Answer(read_line("IAXnetstats").action, b"1")
    found.take(Message(b"a 1\r\n\r\n"))
    found.end()
    assert [json.loads(line) for line in json_lines.answer(found)] == [{"Text": "a 1\r\n\r\n"}]
