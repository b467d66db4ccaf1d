from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from amiproxy.config.reading.binding import Binder
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.problems import KeyPath
from amiproxy.core.model.errors import Unfit


class Even(int):
    @classmethod
    def from_text(cls, text: str) -> "Even":
        if not text.isdigit() or int(text) % 2:
            raise Unfit("not an even number", "write 2")
        return cls(text)


def no_zero(value: object) -> None:
    if value == 0:
        raise Unfit("must not be zero", "write 1")


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    port: Annotated[int, Meta(ge=1, le=9)]
    file: Path | None = None


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    named: dict[str, Inner] = msgspec.field(default_factory=dict)
    words: str | tuple[str, ...] = ()
    mixed: tuple[str | Inner, ...] = ()
    mode: Literal["none", "optional"] = "none"
    ratio: float = 1.0
    flag: bool = False
    even: Even | None = None
    judged: Annotated[int, no_zero] | None = None
    number: int | float = 0


REMOVED = {Inner: {"old": "use port"}}


def bind(text: str, environ: dict[str, str] | None = None) -> tuple[Outer | None, list[str]]:
    document = Document.parse(Path("etc/x.yaml"), text.encode())
    bound = Binder(document, environ or {}).bind(Outer)
    return bound, [str(problem) for problem in document.problems]


def test_all_shapes_are_bound() -> None:
    text = """
inner: {port: 1, file: a/b}
inners: [{port: 2}]
named: {x: {port: 3}}
words: a,b
mixed: [a, {port: 4}]
mode: optional
ratio: 2
flag: true
even: "4"
judged: 1
number: 1.5
"""
    bound, problems = bind(text)
    assert problems == []
    assert bound == Outer(
        inner=Inner(port=1, file=Path("etc/a/b")),
        inners=(Inner(port=2),),
        named={"x": Inner(port=3)},
        words="a,b",
        mixed=("a", Inner(port=4)),
        mode="optional",
        ratio=2.0,
        flag=True,
        even=Even(4),
        judged=1,
        number=1.5,
    )


def test_empty_sections_count_as_absent() -> None:
    assert bind("inners:\nnamed:\ninner:\njudged:\n") == (Outer(), [])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("flagg: true", "flagg: unknown key; did you mean 'flag'?"),
        ("inner: {port: 1, xyz: 1}", "inner.xyz: unknown key; known keys: port, file"),
        ("inner: {}", "inner: the key 'port' is missing; add it"),
        ("inner: {prt: 1}", "inner.prt: unknown key; did you mean 'port'?"),
        ("inner: 3", "inner: expected a mapping, got a number; write key: value lines"),
        ("named: [1]", "named: expected a mapping, got a list; write key: value lines"),
        ("inners: {a: 1}", "inners: expected a list, got a mapping; write [a, b], or lines with a dash"),
        ("inners: [{port: 10}]", "inners[0].port: expected a whole number of at most 9"),
        ("inners: [{port: 0}]", "inners[0].port: expected a whole number of at least 1"),
        ("inner: {port: true}", "inner.port: expected a whole number, got true or false"),
        ("words: 5", "words: expected text, got a whole number; put it in quotes"),
        ("words: [a, 2026-01-01]", "words[1]: expected text, got a date; put it in quotes"),
        ("mixed: [{port: x}]", "mixed[0].port: expected a whole number, got text"),
        ("mode: optinal", "mode: expected one of none, optional; did you mean 'optional'?"),
        ("mode: zzz", "mode: expected one of none, optional; write one of them"),
        ("flag: 1", "flag: expected true or false, got a whole number"),
        ("ratio: x", "ratio: expected a number, got text"),
        ("even: '3'", "even: not an even number; write 2"),
        ("even: 4", "even: expected text, got a number; put it in quotes"),
        ("judged: 0", "judged: must not be zero; write 1"),
        ("judged: x", "judged: expected a whole number, got text"),
        ("number: x", "number: expected a whole number or a number, got text"),
        ("inner: {port: 1, file: 5}", "inner.file: expected text, got a number; put it in quotes"),
        ("inner: {port: 1, file: ''}", "inner.file: expected a path, got nothing; write the path of a file"),
        ("- a", "expected a mapping, got a list; write key: value lines"),
    ],
)  # fmt: skip
def test_each_mistake_is_reported_with_its_remedy(text: str, line: str) -> None:
    assert bind(text) == (None, [f"etc/x.yaml:1: {line}"])


def test_all_mistakes_are_reported_at_once_each_with_its_line() -> None:
    bound, problems = bind("inner:\n  port: x\n  fil: y\nmode: 5\nnamed:\n  a: {port: 99}\n  b: {}\n")
    assert bound is None
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["etc/x.yaml:2", "inner.port"],
        ["etc/x.yaml:3", "inner.fil"],
        ["etc/x.yaml:4", "mode"],
        ["etc/x.yaml:6", "named.a.port"],
        ["etc/x.yaml:7", "named.b"],
    ]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("${DIR}/x", "/run/creds/x"),
        ("a/${SUB}/x", "etc/a/sub/x"),
        ("/abs", "/abs"),
        ("$DIR/x", "etc/$DIR/x"),
    ],
)
def test_paths_are_relative_to_the_file_and_expand_environment_variables(written: str, path: str) -> None:
    environ = {"DIR": "/run/creds", "SUB": "sub", "EMPTY": ""}
    bound, _ = bind(f'inner: {{port: 1, file: "{written}"}}', environ)
    assert bound is not None
    assert bound.inner == Inner(port=1, file=Path(path))


@pytest.mark.parametrize("name", ["GONE", "EMPTY"])
def test_an_unset_variable_in_a_path_is_an_error(name: str) -> None:
    bound, problems = bind(f'inner: {{port: 1, file: "${{{name}}}/x"}}', {"EMPTY": ""})
    assert bound is None
    assert f"the environment variable {name} is not set" in problems[0]


def test_a_check_runs_for_each_valid_struct_of_its_type() -> None:
    seen: list[KeyPath] = []

    def check(inner: Inner, path: KeyPath, document: Document) -> None:
        seen.append(path)
        if inner.port == 5:
            document.report((*path, "port"), "five is right out")

    document = Document.parse(Path("x.yaml"), b"inners: [{port: 1}, {port: x}, {port: 5}]")
    assert Binder(document, {}, {Inner: check}).bind(Outer) is None
    assert seen == [("inners", 0), ("inners", 2)]
    assert [problem.text for problem in document.problems][-1] == "five is right out"


def test_invalid_yaml_is_not_bound() -> None:
    document = Document.parse(Path("x.yaml"), b"inner: [")
    assert Binder(document, {}).bind(Outer) is None
    assert len(document.problems) == 1


@pytest.mark.parametrize("value", ["1", "[]", "{port: 0}", "", "${HOME}"])
def test_a_removed_key_is_accepted_whatever_its_value_and_reported_as_outdated(value: str) -> None:
    text = f"mode: none\ninners:\n- port: 1\n  old: {value}\n"
    document = Document.parse(Path("etc/x.yaml"), text.encode())
    assert Binder(document, {}, removed=REMOVED).bind(Outer) == Outer(inners=(Inner(port=1),))
    assert document.problems == []
    assert list(map(str, document.outdated)) == [
        "etc/x.yaml:4: inners[0].old: has no effect: this key was removed from ami-proxy; use port"
    ]


def test_a_key_removed_from_one_struct_is_unknown_in_another() -> None:
    document = Document.parse(Path("etc/x.yaml"), b"old: 1\n")
    assert Binder(document, {}, removed=REMOVED).bind(Outer) is None
    assert document.outdated == []
