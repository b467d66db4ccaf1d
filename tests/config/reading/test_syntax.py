"""Each kind of error in a file: where it is, and that it is explained without the words of YAML's grammar."""

import re
from pathlib import Path

import pytest

from amiproxy.config.reading.document import Document
from amiproxy.config.reading.problems import Problem

#: Words of the parser's own messages.
_GRAMMAR = re.compile(
    "scanning|parsing|token|scalar|node content|flow |block |directive|octet|mapping values|stream|<"
)
#: By kind: the text, line and column of the place to correct, and a word of the explanation.
KINDS: dict[str, tuple[bytes, int, int, str]] = {
    "tab": (b"a: 1\n\tb: 2\n", 2, 1, "tab"),
    "tab below a key": (b"a:\n\tb: 2\n", 2, 1, "tab"),
    "tab after blanks": (b"a:\n  b: 1\n  \tc: 2\n", 3, 3, "tab"),
    "tab with CR LF": (b"a: 1\r\n\tb: 2\r\n", 2, 1, "tab"),
    "double quote": (b'a: 1\nb: "x\nc: 2\n', 2, 4, "quote"),
    "single quote": (b"a: 'x\nb: 2\n", 1, 4, "quote"),
    "quote before another document": (b'a: "x\n---\nb: 1\n', 1, 4, "quote"),
    "bracket": (b"a: [x, y\nb: 2\n", 1, 4, "["),
    "bracket at the end": (b"a: 1\nb: [x\n", 2, 4, "["),
    "brace": (b"a: {x: 1\nb: 2\n", 1, 4, "{"),
    "brace for a bracket": (b"a: [x}\n", 1, 4, "["),
    "bracket that closes nothing": (b"a: 1\nb: ]\n", 2, 4, "value is expected"),
    "two commas": (b"a: [x,, y]\n", 1, 7, "value is expected"),
    "deeper than a value": (b"a: 1\n  b: 2\n", 2, 3, "deeper"),
    "deeper, after a comment": (b"a: 1\n# x\n\n  b: 2\n", 4, 3, "indented"),
    "between two levels": (b"a:\n  b: 1\n c: 2\n", 3, 2, "indented"),
    "less than the first line": (b" a: 1\nb: 2\n", 2, 1, "indented"),
    "dash at another place": (b"a:\n  - x\n - y\n", 3, 2, "indented"),
    "key among dashes": (b"a:\n  - x\n  b: 1\n", 3, 3, "indented"),
    "second colon": (b"a: b: c\n", 1, 5, "second colon"),
    "no colon": (b"a: 1\nb\nc: 2\n", 2, 1, "without a colon"),
    "no blank after the colon": (b"a:1\nb: 2\n", 2, 1, "no blank"),
    "text after a quoted value": (b'a: "x" y\nb: 1\n', 1, 8, "more text"),
    "dash behind a key": (b"a: - x\n", 1, 4, "dash"),
    "at": (b"a: @x\n", 1, 4, "cannot begin"),
    "backtick": (b"a: `x\n", 1, 4, "cannot begin"),
    "percent": (b"%x\n", 1, 1, "%"),
    "escape": (b'a: "\\q"\n', 1, 5, "backslash"),
    "text behind a bar": (b"a: |x\n  y\n", 1, 5, "comment"),
    "anchor": (b"a: &x 1\n", 1, 4, "anchors"),
    "duplicate anchor": (b"a: &x 1\nb: &x 2\n", 1, 4, "anchors"),
    "alias": (b"a: *x\n", 1, 4, "anchors"),
    "event filter without quotes": (b"a: [!Event: x]\n", 1, 5, "tags"),
    "two documents": (b"a: 1\n---\nb: 2\n", 2, 1, "document"),
    "key that is a list": (b"? [a]\n: b\n", 1, 3, "key"),
    "NUL": (b"a: 1\nb: x\0y\n", 2, 5, "NUL"),
    "UTF-16 without its mark": ("a: 1\n".encode("utf-16-le"), 1, 2, "NUL"),
    "control character": (b"a: x\x07y\n", 1, 5, "0x07"),
    "control character in UTF-16": ("a: 1\nb: \x07\n".encode("utf-16"), 2, 4, "0x07"),
    "byte order mark": (b"a: 1\n\xef\xbb\xbfb: 2\n", 2, 2, "byte order mark"),
    "Latin-1": (b"a: 1\nb: caf\xe9\n", 2, 7, "UTF-8"),
    "half a character": (b"a: x\xc3", 1, 5, "UTF-8"),
    "surrogate": (b"a: \xed\xa0\x80\n", 1, 4, "UTF-8"),
}


def problem_of(text: bytes) -> Problem:
    [problem] = Document.parse(Path("x.yaml"), text).problems
    return problem


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_has_its_place_and_a_remedy_in_plain_words(kind: str) -> None:
    text, line, column, says = KINDS[kind]
    problem = problem_of(text)
    assert (problem.line, problem.column) == (line, column)
    assert says in problem.text
    assert problem.remedy
    assert not _GRAMMAR.search(problem.text)
    assert str(problem).startswith(f"x.yaml:{line}:{column}: ")


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark_at_the_beginning_is_accepted(mark: bytes) -> None:
    assert Document.parse(Path("x.yaml"), mark + b"a: 1\n").root.plain() == {"a": 1}


def test_an_error_that_is_not_known_has_its_place_and_the_words_of_the_parser() -> None:
    problem = problem_of(b"%YAML 1.1\n%YAML 1.1\n---\na: 1\n")
    assert problem.line > 0
    assert problem.text
