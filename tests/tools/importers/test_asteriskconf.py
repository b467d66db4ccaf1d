"""Asterisk's configuration syntax, case by case as its config.c reads it."""

import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.config import Unfit
from amiproxy.tools.importers.asteriskconf import Configuration, Files, parse


def files(**contents: str) -> Files:
    def find(name: str) -> Sequence[tuple[str, str]]:
        return [(path, text) for path, text in contents.items() if path == name.replace(".", "_")]

    return find


def read(text: str, **contents: str) -> Configuration:
    return parse("main", text, files(**contents))


def settings_of(configuration: Configuration) -> dict[str, list[tuple[str, str]]]:
    return {section.name: [setting[:2] for setting in section.settings] for section in configuration.sections}


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("a = b", [("a", "b")]),
        ("  a\t=  b  c ", [("a", "b  c")]),
        ("a => b", [("a", "b")]),
        ("a =", [("a", "")]),
        ("A=b\na=c", [("A", "b"), ("a", "c")]),
        ("a = b=c", [("a", "b=c")]),
        ("a = x ; comment", [("a", "x")]),
        ("a = x\\;y", [("a", "x;y")]),
        ("a = x\\;y\\;z ; w", [("a", "x;y;z")]),
        (";a = x", []),
        (";--- a = x", []),
        (";-- b = 1\nc = 2\n--; d = 3", [("d", "3")]),
        ("a = 1 ;-- gone --; 2", [("a", "1  2")]),
        (";-- 1 ;-- 2 --; 3\nx = 1 --;\ny = 2", [("y", "2")]),
        ("a = b\na +=,c", [("a", "b,c")]),
        # Asterisk keeps the blanks after +=.
        ("a = b\na +=  c ", [("a", "b  c")]),
        ("a = 1\na = 2\na +=3", [("a", "1"), ("a", "23")]),
        ("a += 1", [("a", "1")]),
        ("\\#a = 1", [("#a", "1")]),
        ("\\[x] = 1", [("[x]", "1")]),
        ("eventfilter(name(X),header(Y)) = z", [("eventfilter(name(X),header(Y))", "z")]),
        ("a = b\r", [("a", "b")]),
    ],
)
def test_a_line_is_read_as_in_asterisk(line: str, settings: list[tuple[str, str]]) -> None:
    assert settings_of(read(f"[s]\n{line}\n")) == {"s": settings}


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("[t](!)\na=1\n[u](t)\nb=2", {"u": [("a", "1"), ("b", "2")]}),
        ("[t](!)\na=1\n[v](!)\nb=2\n[u](t,v)", {"u": [("a", "1"), ("b", "2")]}),
        ("[t]\na=1\n[u](t)\na=2", {"t": [("a", "1")], "u": [("a", "1"), ("a", "2")]}),
        ("[t](!)\na=1\n[u](!,t)\nb=2\n[w](u)", {"w": [("a", "1"), ("b", "2")]}),
        ("[t](!)\na=1\n[u](t)\na +=2", {"u": [("a", "12")]}),
        ("[u]\na=1\n[x]\n[u](+)\nb=2", {"u": [("a", "1"), ("b", "2")], "x": []}),
        ("[t](!)\n[t](+)\na=1\n[u](t)", {"u": [("a", "1")]}),
        ("[T](!)\na=1\n[u](t)", {"u": [("a", "1")]}),
    ],
)
def test_templates_and_additions_are_merged_as_in_asterisk(
    text: str, sections: dict[str, list[tuple[str, str]]]
) -> None:
    assert settings_of(read(text)) == sections


@pytest.mark.parametrize("name", ['"more"', "<more>", "more"])
@pytest.mark.parametrize("directive", ["#include", "#tryinclude", "#INCLUDE"])
def test_an_included_file_takes_the_place_of_the_directive(directive: str, name: str) -> None:
    configuration = read(f"[a]\nx=1\n{directive} {name}\ny=2", more="z=3\n[b]\nw=4")
    # The file begins in the section above it; the line after it still belongs to that section.
    assert settings_of(configuration) == {"a": [("x", "1"), ("z", "3"), ("y", "2")], "b": [("w", "4")]}
    assert [setting.place for setting in configuration.sections[0].settings] == ["main:2", "more:1", "main:4"]


def test_a_byte_order_mark_at_the_start_of_a_file_is_skipped() -> None:
    configuration = read("\ufeff[a]\nx=1\n#include more", more="\ufeffy=2")
    assert settings_of(configuration) == {"a": [("x", "1"), ("y", "2")]}
    # Anywhere else it is an ordinary character.
    with pytest.raises(Unfit, match="main:2: a setting before any"):
        read("; a comment\n\ufeff[a]\nx=1")


def test_tryinclude_ignores_a_missing_file() -> None:
    assert settings_of(read("[a]\n#tryinclude nothing\nx=1")) == {"a": [("x", "1")]}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x = 1", "main:1: a setting before any"),
        ("[a", "main:1: no closing ]"),
        ("[a](t", "main:1: no closing )"),
        ("\n[a](t)", "main:2: inherits from t"),
        ("[a](+)", "main:1: [a](+) adds to a section that does not exist"),
        ("[a]\n[a](+x=1)", "main:2: a condition after + is not supported"),
        ("[a]\n#include nothing", "main:2: the included file nothing does not exist"),
        ("[a]\n#include loop", "more than 10 deep"),
        ("[a]\n;-- for ever", "main: a comment begun with ;-- is never closed"),
    ],
)
def test_a_file_that_asterisk_would_reject_is_refused_with_the_place(text: str, what: str) -> None:
    with pytest.raises(Unfit) as refused:
        read(text, loop="#include loop")
    assert what in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("#exec /bin/date", "#exec is not run"),
        ("#pragma once", "#pragma is an unknown or incomplete directive"),
        ("#include", "#include is an unknown or incomplete directive"),
        ("no equals sign", "a line without ="),
        ("= value", "a line without a name"),
    ],
)
def test_lines_without_effect_get_a_remark(line: str, remark: str) -> None:
    configuration = read(f"[a]\n{line}\n")
    assert settings_of(configuration) == {"a": []}
    [found] = configuration.remarks
    assert found.place == "main:2"
    assert remark in found.text


_WORDS = st.from_regex(r"[abc_/0@,]([abc_/0@, ]{0,6}[abc_/0@,])?", fullmatch=True)


@given(st.lists(st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), _WORDS)))
def test_plain_settings_are_read_back(settings: list[tuple[str, str]]) -> None:
    text = "[s]\n" + "".join(f"{name} = {value} ; said\n" for name, value in settings)
    assert settings_of(read(text)) == {"s": settings}


@given(st.text('[]()!+;-\\=>#\n ab"<'))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(Unfit):
        assert all(section.name is not None for section in read(text, a="[a]\n").sections)
