"""Lines cut into statements."""

from amiproxy.tools.shell.language.script import Statements, statements


def test_each_line_is_a_statement_and_a_block_ends_at_an_empty_line() -> None:
    text = "# first\nPing\n\nAction: Getvar\nVariable: A\n\nActionID: 1\nAction: Ping\n\n\n  \\q \nLast"
    assert statements(text) == [
        "Ping",
        "Action: Getvar\nVariable: A",
        "ActionID: 1\nAction: Ping",
        "\\q",
        "Last",
    ]


def test_in_raw_mode_a_block_need_not_begin_with_its_action() -> None:
    reader = Statements(raw=True)
    assert [reader.feed(line) for line in ("Channel: x", "Action: Hangup")] == ["", ""]
    assert reader.inside
    assert reader.feed("") == "Channel: x\nAction: Hangup"
    assert reader.feed("\\raw") == "\\raw"
    assert reader.end() == ""
