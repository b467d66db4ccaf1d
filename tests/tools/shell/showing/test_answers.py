"""Answers as people see them, in terminals of several widths."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from amiproxy.ami import message
from amiproxy.ami.message import Message
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.language.actions import read_line
from amiproxy.tools.shell.showing.answers import Look, answer, pairs
from amiproxy.tools.shell.showing.layout import fitted, header_lines, header_width, layout
from amiproxy.tools.shell.showing.records import by_column

ID = b"own-1"
CHANNEL = (
    *((b"Channel", b"PJSIP/trunk-00000001"), (b"ChannelState", b"6"), (b"ChannelStateDesc", b"Up")),
    *((b"CallerIDNum", b"+46707389429"), (b"CallerIDName", "Åsa Öberg".encode()), (b"AccountCode", b"")),
    *((b"Context", b"from-trunk"), (b"Exten", b"100"), (b"Priority", b"1"), (b"Uniqueid", b"1722.1")),
    *((b"Linkedid", b"1722.1"), (b"Application", b"Dial"), (b"ApplicationData", b"PJSIP/alice,20")),
    *((b"Duration", b"00:00:07"), (b"BridgeId", b"7d3c-1")),
)


def listed(
    *events: tuple[bytes, tuple[tuple[bytes, bytes], ...]], end: bytes = b"Complete", count: int = -1
) -> Answer:
    found = Answer(read_line("CoreShowChannels").action, ID)
    found.take(Message(message.response(b"Success", ID, (b"EventList", b"start"))))
    for name, headers in events:
        found.take(Message(message.event(name, (b"ActionID", ID), *headers)))
    number = str(len(events) if count < 0 else count).encode()
    last = ((b"ActionID", ID), (b"EventList", end), (b"ListItems", number))
    found.take(Message(message.event(b"CoreShowChannelsComplete", *last)))
    assert found.is_done
    return found


def single(line: str, *headers: tuple[bytes, bytes], kind: bytes = b"Success") -> Answer:
    found = Answer(read_line(line).action, ID)
    found.take(Message(message.response(kind, ID, *headers)))
    return found


def screen(found: Answer, width: int, look: Look | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, legacy_windows=False)
    for line in answer(found, look or Look(), width):
        console.print(line, soft_wrap=isinstance(line, Text))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 132, 1000])
def test_a_list_fits_the_width(width: int) -> None:
    lines = screen(listed((b"CoreShowChannel", CHANNEL), (b"CoreShowChannel", CHANNEL)), width)
    assert max(map(cell_len, lines)) <= width
    assert lines[-1] == "2 rows"


def test_the_columns_that_people_look_at_come_first() -> None:
    text = "\n".join(screen(listed((b"CoreShowChannel", CHANNEL)), 80))
    assert "PJSIP/trunk-00000001" in text
    assert "00:00:07" in text
    assert "Linkedid" in text.partition("not shown for want of room")[2]


def test_a_wide_line_has_all_columns_that_have_a_value() -> None:
    lines = screen(listed((b"CoreShowChannel", CHANNEL)), 1000)
    assert lines[0].split() == [name.decode() for name, value in CHANNEL if value]
    assert "Åsa Öberg" in lines[2]


def test_columns_may_be_chosen() -> None:
    lines = screen(listed((b"CoreShowChannel", CHANNEL)), 80, Look(columns=("exten", "CHANNEL", "none")))
    assert lines[0].split() == ["Exten", "Channel"]


def test_records_have_one_header_a_line() -> None:
    lines = screen(listed((b"CoreShowChannel", CHANNEL)), 80, Look(records=True))
    assert lines[0].startswith("-[ CoreShowChannel 1 ]-")
    assert ["Channel", "PJSIP/trunk-00000001"] in [line.split() for line in lines]
    assert len(lines) == len(CHANNEL) + 2


def test_events_of_several_kinds_are_several_tables() -> None:
    queue, member = ((b"Queue", b"a"), (b"Calls", b"1")), ((b"Queue", b"a"), (b"Name", b"Bo"))
    lines = screen(listed((b"QueueParams", queue), (b"QueueMember", member), (b"QueueParams", queue)), 80)
    assert [line for line in lines if line in ("QueueParams", "QueueMember")] == [
        "QueueParams",
        "QueueMember",
    ]
    assert [line for line in lines if line.endswith((" row", " rows"))] == ["2 rows", "1 row"]


def test_an_empty_list_says_so() -> None:
    assert screen(listed(), 80) == ["0 rows"]


@pytest.mark.parametrize(
    ("end", "count", "part"), [(b"Cancelled", -1, "cancelled"), (b"Complete", 7, "7 items")]
)
def test_a_list_that_is_not_whole_says_so(end: bytes, count: int, part: str) -> None:
    assert part in screen(listed((b"CoreShowChannel", CHANNEL), end=end, count=count), 80)[-1]


def test_a_single_answer_is_aligned_pairs() -> None:
    found = single("Ping", (b"Ping", b"Pong"), (b"Timestamp", b"17.5"))
    assert screen(found, 80) == ["Success", "Ping       Pong", "Timestamp  17.5"]


def test_long_values_are_wrapped_under_themselves() -> None:
    found = single("Ping", (b"A", b"one two three four five"))
    assert screen(found, 20) == ["Success", "A  one two three", "   four five"]


def test_without_room_beside_it_a_value_stands_below_its_header() -> None:
    texts = [str(line) for line in pairs([("AVeryLongHeader", "value")], 20)]
    assert texts == ["AVeryLongHeader", "  value"]


def test_an_error_is_its_text() -> None:
    found = single("Ping", (b"Message", b"No such \x1b[2Jchannel"), kind=b"Error")
    assert screen(found, 80) == ["Error: No such \\x1b[2Jchannel"]


def test_an_error_is_wrapped_between_words() -> None:
    text = b"Invalid/unknown command: hh. Use Action: ListCommands to show available commands."
    found = screen(single("hh", (b"Message", text), kind=b"Error"), 80)
    assert all(len(line) <= 80 for line in found)
    assert " ".join(found[:2]) == f"Error: {text.decode()}"


def test_the_output_of_a_command_is_text() -> None:
    lines = (b"Output", b"Name\tState"), (b"Output", b"  a  \x1b[31mred"), (b"Output", b"")
    found = single("Command core show x", (b"Message", b"Command output follows"), *lines)
    assert screen(found, 80) == ["Name    State", "  a  \\x1b[31mred", ""]


def test_the_output_of_older_versions_is_text() -> None:
    found = Answer(read_line("Command x").action, ID)
    raw = (
        b"Response: Follows\r\nPrivilege: Command\r\nActionID: own-1\r\nSystem: a\nb\n--END COMMAND--\r\n\r\n"
    )
    assert found.take(Message(raw))
    assert screen(found, 80)[-2:] == ["System: a", "b"]


def test_rows_outside_messages_are_text() -> None:
    found = Answer(read_line("IAXnetstats").action, ID)
    found.take(Message(b"IAX2/a   1\r\nIAX2/b   2\r\n\r\n"))
    found.end()
    assert screen(found, 80) == ["IAX2/a   1", "IAX2/b   2"]


def test_a_header_takes_two_lines_rather_than_a_wide_column() -> None:
    assert header_width("ChannelStateDesc") == 9
    assert header_lines("ChannelStateDesc", 9) == ("Channel", "StateDesc")
    assert header_lines("ChannelStateDesc", 16) == ("", "ChannelStateDesc")
    assert header_lines("x", 0) == ("", "x")


def test_columns_without_a_value_are_left_out() -> None:
    assert layout("any", {"A": ["1", "2"], "B": ["", ""]}, 80).empty == ["B"]


def test_columns_whose_values_differ_are_preferred_and_ids_come_last() -> None:
    cells = {"Same": ["x" * 9] * 2, "LinkedId": ["0" * 9, "1" * 9], "Differs": ["0" * 9, "1" * 9]}
    assert list(layout("any", cells, 20).shown) == ["Same", "Differs"]
    assert list(layout("any", cells, 10).shown) == ["Differs"]


def test_wide_characters_take_two_columns() -> None:
    assert fitted("日本", 5) == "日本 "
    assert fitted("日本語", 5) == "日本…"
    assert fitted("7", 3, right=True) == "  7"


def test_several_values_of_a_header_share_a_cell() -> None:
    assert by_column([[("A", "1"), ("A", "2")], [("B", "3")]], ["A"]) == {"A": ["1, 2", ""]}


class TestSeveralServers:
    def rows(self, *servers: bytes) -> list[tuple[bytes, tuple[tuple[bytes, bytes], ...]]]:
        return [(b"CoreShowChannel", (*CHANNEL, (b"Server", server))) for server in servers]

    def test_the_server_is_the_first_column_if_the_items_are_from_several(self) -> None:
        lines = screen(listed(*self.rows(b"pbx1", b"pbx2")), 80)
        assert lines[0].split()[0] == "Server"
        assert [line.split()[0] for line in lines[2:4]] == ["pbx1", "pbx2"]

    def test_a_column_that_is_the_same_everywhere_gives_way(self) -> None:
        assert "Server" not in screen(listed(*self.rows(b"pbx1", b"pbx1")), 60)[0]

    def test_servers_whose_list_is_missing_are_named(self) -> None:
        found = Answer(read_line("CoreShowChannels").action, ID)
        found.take(Message(message.response(b"Success", ID, (b"EventList", b"start"))))
        end = (
            (b"ActionID", ID),
            (b"EventList", b"Complete"),
            (b"ListItems", b"0"),
            (b"ServersMissing", b"pbx3"),
        )
        found.take(Message(message.event(b"CoreShowChannelsComplete", *end)))
        assert any("pbx3" in line for line in screen(found, 80))
