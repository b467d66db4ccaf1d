"""Paragraphs, facts, tables and commands at every width: no word is broken across lines."""

import io
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from amiproxy.tools.terminal import (
    Column,
    Command,
    Facts,
    Paragraph,
    Table,
    error,
    fit,
    printable,
    say,
    show,
    wrapped,
)

WORDS = st.lists(st.text("abcdefg-/=é漢", min_size=1, max_size=12), max_size=30)


def shown(*things: RenderableType, width: int, terminal: bool = True) -> list[str]:
    out = Console(
        file=io.StringIO(), force_terminal=terminal, color_system=None, width=width, height=24, markup=False
    )
    show(*things, to=out)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


@given(WORDS, st.integers(12, 100))
def test_lines_are_broken_between_words_only(words: list[str], width: int) -> None:
    lines = wrapped(" ".join(words), width)
    assert [word for line in lines for word in line.split()] == words
    assert all(cell_len(line) <= width or " " not in line.strip() for line in lines)


def test_blanks_inside_a_line_are_kept() -> None:
    assert wrapped("  name    value and more", 18) == ["  name    value", "  and more"]


def test_a_list_without_blanks_is_broken_after_its_commas() -> None:
    assert wrapped("may read call,agent,originate", 16) == ["may read call,", "agent,originate"]
    assert wrapped("may read call,agent", 12) == ["may read", "call,agent"]


def test_a_word_that_is_longer_than_the_line_stays_whole() -> None:
    path = "/etc/ami-proxy/a-very-long-folder/server.crt"
    assert wrapped(f"see {path} there", 20) == ["see", path, "there"]
    assert shown(Paragraph(f"see {path} there"), width=20) == ["see", path, "there"]


@pytest.mark.parametrize("width", [80, 60, 30])
def test_paragraphs_have_a_hanging_indent(width: int) -> None:
    text = "the certificate of the listener expires in eleven days, and nothing renews it on this host"
    lines = shown(Paragraph(text, 8, Text("warn    ")), width=width)
    assert lines[0].startswith("warn    the certificate")
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert all(len(line) <= width for line in lines)
    assert " ".join(" ".join(lines).removeprefix("warn").split()) == text


def test_the_first_line_of_a_paragraph_fills_the_line_although_others_are_indented() -> None:
    assert shown(Paragraph("one two three four", 4), width=13) == ["one two three", "    four"]


def test_in_a_pipe_nothing_is_wrapped_or_left_out() -> None:
    text = "word " * 100 + "end"
    assert shown(Paragraph(text), width=20, terminal=False) == [text]
    table = Table([Column("id"), Column("detail", rank=1)])
    table.add_row(Text("1"), Text(text))
    assert shown(table, width=20, terminal=False)[-1] == f"1   {text}"


def test_facts_keep_their_values_in_one_column() -> None:
    lines = shown(Facts([("state", "serving"), ("reload", "refused: one two three four")]), width=24)
    assert lines == ["state   serving", "reload  refused: one two", "        three four"]


COLUMNS = (Column("id"), Column("peer", rank=1), Column("out", right=True, rank=2), Column("note"))
ROWS = [("5f1e09c2ab34", "192.0.2.1:4711", "2.0 KiB", "some words to wrap")]


def test_a_table_wraps_words_before_it_leaves_out_columns() -> None:
    assert fit(COLUMNS, ROWS, 80).shown == (0, 1, 2, 3)
    assert fit(COLUMNS, ROWS, 80).widths == (12, 14, 7, 18)
    wrapped_ = fit(COLUMNS, ROWS, 48)
    assert (wrapped_.shown, wrapped_.left_out) == ((0, 1, 2, 3), ())
    assert sum(wrapped_.widths) + 6 == 48
    assert fit(COLUMNS, ROWS, 38).left_out == (2,)
    assert fit(COLUMNS, ROWS, 20).left_out == (1, 2)
    # Columns without a rank are shown even where they do not fit.
    assert fit(COLUMNS, ROWS, 5).shown == (0, 3)


def test_a_narrow_table_says_which_columns_are_missing() -> None:
    table = Table(COLUMNS, [[Text(cell) for cell in row] for row in ROWS])
    assert shown(table, width=80) == [
        "id            peer                out  note",
        "─" * 57,
        "5f1e09c2ab34  192.0.2.1:4711  2.0 KiB  some words to wrap",
    ]
    lines = shown(table, width=28)
    assert lines[2:5] == ["5f1e09c2ab34  some words to", "              wrap", "left out because the"]
    assert "peer, out" in " ".join(lines[4:])


def test_where_no_table_fits_each_row_becomes_facts() -> None:
    table = Table(COLUMNS, [[Text(cell) for cell in row] for row in ROWS * 2])
    facts = [
        "id    5f1e09c2ab34",
        "peer  192.0.2.1:4711",
        "out   2.0 KiB",
        "note  some words",
        "      to wrap",
    ]
    assert shown(table, width=18) == [*facts, "", *facts]


@given(WORDS.filter(bool), st.integers(20, 90))
def test_a_command_can_be_pasted_whatever_the_width(words: list[str], width: int) -> None:
    words = [*words, "a path/with blanks"]
    lines = shown(Command(*words), width=width)
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == words
    assert all(line.endswith(" \\") for line in lines[:-1])


def test_lines_for_people_keep_their_indent_and_go_on_further_in() -> None:
    out = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=20, height=24)
    say("users.yaml: 3: [bold] wrong key\n  write it so, and no other way", out)
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue().splitlines() == [
        "users.yaml: 3:",
        "    [bold] wrong key",
        "  write it so, and",
        "      no other way",
    ]


def test_errors_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    error("first: " + "word " * 60 + "end\nsecond")
    assert capsys.readouterr() == ("", "first: " + "word " * 60 + "end\nsecond\n")


def test_control_characters_are_escaped() -> None:
    assert printable("a\x1b[2Jb\nc é") == "a\\x1b[2Jb\\nc é"


def test_what_a_terminal_might_interpret_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say("one\x1b]0;title\x07\n  two\u202e")
    assert capsys.readouterr().out == "one\\x1b]0;title\\x07\n  two\\u202e\n"
