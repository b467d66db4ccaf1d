"""Words of a line, with quoting as in a shell."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.tools.shell.language.words import UsageError, complete_words, quoted, split


def texts(line: str) -> list[str]:
    return [word.text for word in split(line)]


@pytest.mark.parametrize(
    "line",
    [
        "", "  a  b ", "a 'b c' d", 'a "b \\" c"', "a\\ b c", "'it'\"'\"'s'", '""', "a='' b",
        '"\\n"', "Data='x=1 y'\"z\"",
    ],
)  # fmt: skip
def test_words_are_those_of_a_shell(line: str) -> None:
    assert texts(line) == shlex.split(line)


def test_each_word_has_its_place_in_the_line() -> None:
    line = "  Ping  a='b c' d"
    assert [line[word.begin : word.end] for word in split(line)] == ["Ping", "a='b c'", "d"]


@pytest.mark.parametrize(("line", "quote"), [("a 'b c", "'"), ('a "b', '"'), ("a\\", "\\")])
def test_a_quote_without_an_end_is_reported(line: str, quote: str) -> None:
    assert split(line)[-1].open_quote == quote
    with pytest.raises(UsageError):
        complete_words(line)


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=30))
def test_a_quoted_text_is_one_word(text: str) -> None:
    assert texts(f"a {quoted(text)} b") == ["a", text, "b"]
