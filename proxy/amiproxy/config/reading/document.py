"""YAML text as a tree that keeps the line of every value.

Stricter than YAML: one document, no anchors, aliases or tags, no duplicate keys, and
limits for size and depth, so that a file means what it seems to mean and cannot
expand in memory (a "billion laughs" attack needs aliases).
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from amiproxy.config.reading.problems import KeyPath, Problem, spell
from amiproxy.config.reading.syntax import Fault, Refused, explain
from amiproxy.steps import finish

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
#: Number of parser events per step, after which other tasks may run: a fraction of a millisecond.
_STEP: Final = 32
#: Texts up to this length are interned: short words such as class names repeat, longer texts hardly ever do.
_SHORT: Final = 32
#: YAML's own resolvers, which say what an unquoted text may be, by its first character.
_RESOLVERS_OF_ALL: Final[list[Any]] = yaml.CSafeLoader.yaml_implicit_resolvers.get(None, [])
_RESOLVERS: Final[dict[str, list[Any]]] = {
    first: [*resolvers, *_RESOLVERS_OF_ALL]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    if first is not None
}


def dump(value: object, width: int = 1 << 16) -> str:
    """The value as YAML for people: keys in their order, lists on one line.

    Lines have up to ``width`` characters.
    """
    text: str = yaml.dump(
        value,
        Dumper=yaml.CSafeDumper,
        default_flow_style=None,
        sort_keys=False,
        allow_unicode=True,
        width=width,
    )
    return text


class Node(msgspec.Struct, gc=False):
    """One value.  ``content`` is a scalar, a list of nodes, or a dict from key to node.

    ``line`` is the line of the value's key, if it has one: where the operator should look.
    A tree has no cycles, so the garbage collector need not track its nodes, of which a
    large file has a hundred thousand.
    """

    content: Any
    line: int

    def plain(self) -> Any:
        """The value without lines: scalars, lists and dicts."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content


class _Open:
    """A list or mapping whose end has not been parsed yet."""

    __slots__ = ("content", "is_mapping", "key", "key_line", "line", "twice")

    def __init__(self, line: int, *, is_mapping: bool) -> None:
        self.content: Any = {} if is_mapping else []
        self.is_mapping = is_mapping
        self.line = line
        #: In a mapping, the key whose value comes next; None if a key comes next.
        self.key: str | None = None
        self.key_line = line
        #: Whether the key is a duplicate, so that its value is dropped.
        self.twice = False

    @property
    def step(self) -> str | int:
        """The last step of the key path of the value that is being read."""
        return len(self.content) if self.key is None else self.key

    def put(self, node: Node) -> None:
        """Add the next complete value."""
        if not self.is_mapping:
            self.content.append(node)
            return
        if not self.twice:
            self.content[self.key] = node
        self.key = None


class Document:
    """One file's tree, and the problems found in it so far."""

    def __init__(self, file: Path, root: Node, problems: list[Problem]) -> None:
        self.file = file
        self.root = root
        self.problems = problems
        #: Keys that are accepted but no longer have an effect.
        self.outdated: list[Problem] = []
        #: False if the text could not be parsed at all, so that the tree says nothing.
        self.readable = True

    @classmethod
    def parse(cls, file: Path, text: bytes) -> "Document":
        """Build the tree; a text that is not YAML gives an empty tree and a problem."""
        document = cls(file, Node({}, 1), [])
        finish(document.read(text))
        return document

    def read(self, text: bytes) -> Iterator[None]:
        """Build the tree from a text as ``parse`` does, in short steps.  Errors are added to ``problems``."""
        if len(text) > MAX_BYTES:
            what = f"the file is larger than {MAX_BYTES} bytes"
            self._fail(Fault(0, 0, what, "remove what does not belong in it"))
            return
        try:
            loader = yaml.CSafeLoader(text)
            try:
                yield from self._build(loader)
            finally:
                loader.dispose()
        except yaml.YAMLError as error:
            self._fail(explain(error, text))

    def report(self, path: KeyPath, text: str, remedy: str = "") -> None:
        """Add a problem at the path, or at the nearest enclosing value that exists."""
        self.problems.append(self._about(path, text, remedy))

    def report_outdated(self, path: KeyPath, remedy: str) -> None:
        """Add a key that is accepted but no longer has an effect."""
        text = "has no effect: this key was removed from ami-proxy"
        self.outdated.append(self._about(path, text, remedy))

    def _about(self, path: KeyPath, text: str, remedy: str) -> Problem:
        return Problem(str(self.file), self.line(path), spell(path), text, remedy)

    def in_order(self) -> list[Problem]:
        """The problems in the order of their lines."""
        return sorted(self.problems, key=lambda problem: problem.line)

    def line(self, path: KeyPath) -> int:
        """The line, from 1, of the value at the path, or of the nearest enclosing value that exists."""
        node = self.root
        for step in path:
            try:
                node = node.content[step]
            except (KeyError, IndexError, TypeError):
                break
        return node.line

    def _fail(self, fault: Fault) -> None:
        self.readable = False
        self.root = Node({}, 1)
        self.problems = [Problem(str(self.file), fault.line, "", fault.text, fault.remedy, fault.column)]

    def _build(self, loader: Any) -> Iterator[None]:
        """Walk over the parser's events once, without recursion."""
        opened: list[_Open] = []
        top: _Open | None = None
        number = documents = 0
        # Local names, and the most frequent kind of event first: a large file has 100,000 events.
        next_event, scalar = loader.get_event, yaml.ScalarEvent
        while (event := next_event()) is not None:
            number += 1
            if number % _STEP == 0:
                yield
            kind = type(event)
            if kind is scalar:
                if event.anchor or event.tag:
                    _reject_yaml_features(event)
                if top is None:
                    self.root = Node(_value(loader, event), 1)
                elif not top.is_mapping:
                    top.content.append(Node(_value(loader, event), event.start_mark.line + 1))
                elif top.key is None:
                    self._key(opened, top, event)
                else:
                    top.put(Node(_value(loader, event), top.key_line))
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                _reject_yaml_features(event)
                if top is not None and top.is_mapping and top.key is None:
                    raise Refused("a key must be one word", "put it in quotes", event.start_mark)
                if len(opened) == MAX_DEPTH:
                    text, remedy = f"nested deeper than {MAX_DEPTH} levels", "write it with fewer levels"
                    raise Refused(text, remedy, event.start_mark)
                line = 1 if top is None else top.key_line if top.is_mapping else event.start_mark.line + 1
                top = _Open(line, is_mapping=kind is yaml.MappingStartEvent)
                opened.append(top)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                done = opened.pop()
                node = Node(done.content, done.line)
                if opened:
                    top = opened[-1]
                    top.put(node)
                else:
                    top, self.root = None, node
            elif kind is yaml.AliasEvent:
                _reject_yaml_features(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    text = "expected one document, but found another document"
                    raise Refused(text, "remove the line ---, or what follows it", event.start_mark)

    def _key(self, opened: list[_Open], top: _Open, event: Any) -> None:
        # Keys stay text: a user named 0100 or "on" must not become a number or a boolean.
        name = sys.intern(str(event.value))
        line = event.start_mark.line + 1
        first = top.content.get(name)
        if first is not None:
            place = spell((*(one.step for one in opened[:-1]), name))
            text = f"duplicate key (first on line {first.line})"
            self.problems.append(Problem(str(self.file), line, place, text, "remove one of them"))
        top.twice = first is not None
        top.key, top.key_line = name, line


def _reject_yaml_features(event: Any) -> None:
    if event.anchor:  # An alias event also has this attribute.
        text = "anchors and aliases (&… and *…) are not allowed here"
        remedy = "write the value in full; put a text that begins with & or * in quotes"
        raise Refused(text, remedy, event.start_mark)
    if event.tag:
        remedy = "put a text that begins with ! in quotes"
        raise Refused("tags (!…) are not allowed here", remedy, event.start_mark)


def _value(loader: Any, event: Any) -> Any:
    text: str = event.value
    # A quoted value is text; an unquoted one may be a number, a date, a boolean or null.
    if event.implicit[0]:
        for tag, pattern in _RESOLVERS.get(text[:1], _RESOLVERS_OF_ALL):
            if pattern.match(text):
                return _constructed(loader, event, tag)
    return sys.intern(text) if len(text) <= _SHORT else text


def _constructed(loader: Any, event: Any, tag: str) -> Any:
    try:
        value = loader.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
    except ValueError:
        # A text that looks like a date or number but is not one, such as 2026-02-30.
        return event.value
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused(
            "the number must be finite", "write a number, or put a text in quotes", event.start_mark
        )
    return value
