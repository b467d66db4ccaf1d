from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.config.reading.document import MAX_BYTES, MAX_DEPTH, Document, dump
from tests.support.examples import examples


def parse(text: str | bytes) -> Document:
    return Document.parse(Path("x.yaml"), text.encode() if isinstance(text, str) else text)


def test_values_know_their_lines() -> None:
    document = parse("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n")
    assert document.problems == []
    assert document.root.plain() == {"a": {"b": 1, "c": ["x", {"d": 2}]}}
    lines = [("a",), ("a", "b"), ("a", "c"), ("a", "c", 1), ("a", "c", 1, "d")]
    assert [document.line(path) for path in lines] == [1, 2, 3, 5, 5]


def test_a_path_that_does_not_exist_has_the_line_of_its_nearest_parent() -> None:
    document = parse("a:\n  b: 1\n")
    assert document.line(("a", "nowhere")) == 1
    assert document.line(("a", "b", "c")) == 2
    assert document.line(("a", 0)) == 1


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: &x 1\nb: 2\n", 1, "anchors and aliases"),
        ("a: 1\nb: *x\n", 2, "anchors and aliases"),
        ("a: !!python/object:os.system x\n", 1, "tags"),
        ("a: !!binary eA==\n", 1, "tags"),
        ("a: 1\nb: [1, 2\n", 2, "not closed"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("? [a]\n: 1\n", 1, "a key must be one word"),
        ("a: .inf\n", 1, "finite"),
        ("a: .nan\n", 1, "finite"),
        ("[" * (MAX_DEPTH + 1), 1, "nested deeper"),
        (b"a: \xff\xfe\n", 1, "UTF-8"),
        (b"a: 1\nb: \x00\n", 2, "NUL"),
        (b"#" * (MAX_BYTES + 1), 0, "larger than"),
    ],
)
def test_anything_but_plain_yaml_is_refused_with_its_line(text: str | bytes, line: int, says: str) -> None:
    document = parse(text)
    assert not document.readable
    assert [problem.line for problem in document.problems] == [line]
    assert says in document.problems[0].text


def test_the_deepest_nesting_allowed_is_accepted() -> None:
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH).problems == []


def test_a_duplicate_key_names_both_lines() -> None:
    document = parse("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert [(p.line, p.key_path) for p in document.problems] == [(4, "b.c"), (5, "a")]
    assert "first on line 3" in document.problems[0].text
    assert document.readable


def test_keys_stay_as_they_are_written() -> None:
    assert parse("0100: a\non: b\n~: c\n<<: d\n").root.plain() == {
        "0100": "a",
        "on": "b",
        "~": "c",
        "<<": "d",
    }


def test_an_impossible_date_is_text() -> None:
    assert parse("a: 2026-02-30\n").root.plain() == {"a": "2026-02-30"}


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    document = parse(text)
    assert document.root.plain() == {}
    assert document.problems == []


def test_syntax_errors_do_not_show_the_text() -> None:
    document = parse('a: "hunter2\n')
    assert document.problems
    assert "hunter2" not in str(document.problems)


@examples(1.5)
@given(st.one_of(st.binary(max_size=80), st.text("ab:{}[]-#&*!|>'\"\n 0.~%@", max_size=60).map(str.encode)))
def test_no_text_raises_an_exception(text: bytes) -> None:
    document = parse(text)
    assert document.readable or document.problems


def test_a_dump_is_read_back_in_the_same_order() -> None:
    value = {"b": ["x", "yes", "42"], "a": {"é": True, "c": "- \n"}}
    text = dump(value)
    assert text.startswith("b: [x, 'yes', '42']\na: {é: true, ")
    read = parse(text).root.plain()
    assert read == value
    assert list(read) == ["b", "a"]
