"""Cuts in the text of a YAML file: what they change, and that all other bytes stay."""

from typing import Any

import pytest
import yaml

from amiproxy.config.editing.splicing import Splicer
from amiproxy.core.model.errors import Unfit


def put(text: str, path: str, value: Any) -> str:
    splicer = Splicer(text.encode())
    splicer.put(path.split("."), value)
    return splicer.result().decode()


def drop(text: str, path: str, *, whole_entry: bool = False) -> str:
    splicer = Splicer(text.encode())
    splicer.drop(path.split("."), whole_entry=whole_entry)
    return splicer.result().decode()


def rename(text: str, path: str, name: str) -> str:
    splicer = Splicer(text.encode())
    splicer.rename(path.split("."), name)
    return splicer.result().decode()


@pytest.mark.parametrize(
    ("text", "value", "after"),
    [
        ("a: x  # why\n", "y", "a: y  # why\n"),
        ("a:   'x'\n", "it's", "a:   'it''s'\n"),
        ('a: "x"\n', "ü", 'a: "ü"\n'),
        ("a: x\n", "on", "a: 'on'\n"),
        ("a: x\n", True, "a: true\n"),
        ("a:\nb: 1\n", "x", "a: x\nb: 1\n"),
        ("a: ~\n", ["x"], "a: [x]\n"),
        ("a: x", ["y"], "a: [y]"),
        ("a: |\n  x\n  y\nb: 1\n", "z", "a: z\nb: 1\n"),
        ("a: x\r\nb: 1\r\n", "y", "a: y\r\nb: 1\r\n"),
        ("{a: x, b: 1}\n", "y, z", "{a: 'y, z', b: 1}\n"),
        ('{"a": "x", "b": 1}', ["y"], '{"a": ["y"], "b": 1}'),
        ("\ufeffa: x\n", "y", "\ufeffa: y\n"),
        ("a: x\n", "x", "a: x\n"),
        (f"a: {'long ' * 60}end\n", "y", "a: y\n"),
    ],
)
def test_a_value_is_replaced_in_its_place(text: str, value: Any, after: str) -> None:
    assert put(text, "a", value) == after


@pytest.mark.parametrize(
    ("text", "value", "after"),
    [
        ("a: [x, y]\n", ["x", "y", "z"], "a: [x, y, z]\n"),
        ("a: [ x,y ]  # why\n", ["x", "z"], "a: [ x, z ]  # why\n"),
        ("a: [x, y, z]\n", ["z"], "a: [z]\n"),
        ("a: [x, y, z]\n", ["y"], "a: [y]\n"),
        ("a: [x]\n", ["y"], "a: [y]\n"),
        ("a: [x]\n", [], "a: []\n"),
        ("a: []\n", ["x"], "a: [x]\n"),
        ('a: ["x"]\n', ["x", "y"], 'a: ["x", "y"]\n'),
        ("a: [x,  # one\n  y]  # two\n", ["x", "y", "z"], "a: [x,  # one\n  y, z]  # two\n"),
        ("a: [x, y,]\n", ["x", "y", "z"], "a: [x, y, z,]\n"),
        ("a:\n  - x  # one\n  - y\nb: 1\n", ["x", "z"], "a:\n  - x  # one\n  - z\nb: 1\n"),
        ("a:\n- x\n- y\n", ["y"], "a:\n- y\n"),
        ("a:\n- x", ["x", "y"], "a:\n- x\n- y"),
        ("a:\r\n  - x\r\n", ["x", "y"], "a:\r\n  - x\r\n  - y\r\n"),
        ("a:\n  # all of them\n  - x\n", [], "a: []\n  # all of them\n"),
        ("a:\n  - x\n  # two\n  - y\n", ["y", "x"], "a:\n  # two\n  - y\n  - x\n"),
        ("a:\n  - {x: 1}\n  - y\n", ["y"], "a:\n  - y\n"),
        ("a:\n  - x: 1\n    z: 2\n  - y\n", ["y"], "a:\n  - y\n"),
    ],
)
def test_items_of_a_list_come_and_go(text: str, value: list[str], after: str) -> None:
    assert put(text, "a", value) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a:\n  b: 1  # one\n  # last\nc: 2\n", "a:\n  b: 1  # one\n  new: x\n  # last\nc: 2\n"),
        ("a:\n    b: [1,\n      2]\n", "a:\n    b: [1,\n      2]\n    new: x\n"),
        ("a:\n  b: |\n    x\n\nc: 1\n", "a:\n  b: |\n    x\n  new: x\n\nc: 1\n"),
        ("a:\n  b:\n    - 1\n", "a:\n  b:\n    - 1\n  new: x\n"),
        ("a:\n  b:\n", "a:\n  b:\n  new: x\n"),
        ("a:\n  b: 1", "a:\n  b: 1\n  new: x"),
        ("a: {b: 1}\n", "a: {b: 1, new: x}\n"),
        ("a: {\n  b: 1,  # one\n}\n", "a: {\n  b: 1, new: x,  # one\n}\n"),
        ("a: {}\n", "a: {new: x}\n"),
        ("a:\n", "a: {new: x}\n"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1, "new": "x"}}'),
    ],
)
def test_a_key_is_added_after_the_last_one(text: str, after: str) -> None:
    assert put(text, "a.new", "x") == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a:\n  b: 1  # one\n  c: 2\n", "a:\n  c: 2\n"),
        ("a:\n  # above\n  b:\n    - 1\n    # in it\n    - 2\n  c: 2\n", "a:\n  # above\n  c: 2\n"),
        ("a:\n  b: 1\nc: 2\n", "a: {}\nc: 2\n"),
        ("a: {b: 1, c: 2}\n", "a: {c: 2}\n"),
        ("a: {c: 2, b: 1}\n", "a: {c: 2}\n"),
        ("a: {b: 1}\n", "a: {}\n"),
        ("a:\n  c: 2\n  b: 1", "a:\n  c: 2"),
    ],
)
def test_a_key_is_removed_with_its_lines(text: str, after: str) -> None:
    assert drop(text, "a.b") == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (
            "u:\n  # about a\n  a:\n    x: 1\n    #y: 2\n\n  # about b\n  b: {x: 1}\n",
            "u:\n  # about a\n  # about b\n  b: {x: 1}\n",
        ),
        ("u:\n  b: {x: 1}\n\n  a:\n    x: 1\n    #y: 2\n# the end\n", "u:\n  b: {x: 1}\n\n# the end\n"),
        ("u:\n  a: {x: 1}\n", "u: {}\n"),
    ],
)
def test_an_entry_goes_with_its_own_comments_and_no_others(text: str, after: str) -> None:
    assert drop(text, "u.a", whole_entry=True) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("u:\n  a:  # one\n    x: 1\n", "u:\n  '0100':  # one\n    x: 1\n"),
        ('u:\n  "a": {x: 1}\n', 'u:\n  "0100": {x: 1}\n'),
        ('{"u": {"a": 1}}', '{"u": {"0100": 1}}'),
    ],
)
def test_a_key_gets_another_name(text: str, after: str) -> None:
    assert rename(text, "u.a", "0100") == after


def test_several_changes_are_made_at_once() -> None:
    splicer = Splicer(b"u:\n  a:\n    x: 1\n    y:\n      - p\n")
    splicer.put(("u", "a", "x"), 2)
    splicer.put(("u", "a", "z"), 3)
    splicer.put(("u", "a", "y"), ["p", "q"])
    assert splicer.result() == b"u:\n  a:\n    x: 2\n    y:\n      - p\n      - q\n    z: 3\n"


def test_a_mapping_keeps_what_is_equal_in_it() -> None:
    text = "a:\n  b: 1  # one\n  c: [x]  # two\n  d: 3\n"
    assert put(text, "a", {"b": 1, "c": ["x", "y"], "e": 4}) == (
        "a:\n  b: 1  # one\n  c: [x, y]  # two\n  e: 4\n"
    )
    assert yaml.safe_load(put(text, "a", {"f": 1})) == {"a": {"f": 1}}


@pytest.mark.parametrize(
    "text",
    [
        b"a:\n  ? b\n  : 1\n  c: 2\n",
        b"a: 1\rb: 2\n",
        "a: 'x\u2028y'\n".encode(),
        "a: {b: 1}\n".encode("utf-16"),
        b"a: {b: \xff}\n",
    ],
)
def test_a_layout_that_cannot_be_kept_is_refused(text: bytes) -> None:
    with pytest.raises(Unfit):
        Splicer(text).drop(("a", "b"))


def test_two_changes_of_one_place_are_refused() -> None:
    splicer = Splicer(b"a: {b: 1}\n")
    splicer.put(("a",), [])
    splicer.put(("a", "b"), 2)
    with pytest.raises(Unfit):
        splicer.result()
