"""YAML text as a tree that still knows the line of every value.

Stricter than YAML: one document, no anchors, aliases or tags, no key twice, and
bounds on size and depth, so that a file says what it seems to say and cannot
grow in memory (a "billion laughs" needs aliases).
"""

import math
from pathlib import Path
from typing import Any

import yaml

from proxy.config.problems import KeyPath, Problem, spell

MAX_BYTES = 1 << 20
MAX_DEPTH = 16


class Node:
    """One value.  ``content`` is a scalar, a list of nodes, or a dict from key to node.

    ``line`` is that of the value's key, where it has one: the line to look at.
    """

    __slots__ = ("content", "line")

    def __init__(self, content: Any, line: int) -> None:
        self.content = content
        self.line = line

    def plain(self) -> Any:
        """The value without lines: scalars, lists and dicts."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content


class Document:
    """One file's tree, and the problems found in it so far."""

    def __init__(self, file: Path, root: Node, problems: list[Problem]) -> None:
        self.file = file
        self.root = root
        self.problems = problems
        #: False when the text is no tree at all, so that looking into it tells nothing.
        self.readable = True

    @classmethod
    def parse(cls, file: Path, text: bytes) -> "Document":
        """Build the tree; a text that is no YAML gives an empty tree and a problem."""
        document = cls(file, Node({}, 1), [])
        if len(text) > MAX_BYTES:
            document._fail(0, f"the file is larger than {MAX_BYTES} bytes", "split off what does not belong")
            return document
        try:
            document._refuse_the_clever(text)
            loader = yaml.CSafeLoader(text)
            try:
                node = loader.get_single_node()
                if node is not None:
                    document.root = document._build(loader, node, (), 1)
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            # Only problem and context: a snippet of the file might show a secret.
            mark = error.problem_mark or error.context_mark
            what = ", ".join(filter(None, (error.context, error.problem)))
            document._fail(mark.line + 1 if mark else 0, what)
        except yaml.YAMLError as error:
            document._fail(0, f"not valid YAML: {getattr(error, 'reason', 'unreadable')}", "save it as UTF-8")
        return document

    def report(self, path: KeyPath, text: str, remedy: str = "") -> None:
        """Note a problem at the path, or at the nearest value around it that exists."""
        self.problems.append(Problem(str(self.file), self.line(path), spell(path), text, remedy))

    def in_order(self) -> list[Problem]:
        """The problems as the operator meets them, from the top."""
        return sorted(self.problems, key=lambda problem: problem.line)

    def line(self, path: KeyPath) -> int:
        """The line of the value at the path, or of the nearest around it."""
        node = self.root
        for step in path:
            try:
                node = node.content[step]
            except (KeyError, IndexError, TypeError):
                break
        return node.line

    def _fail(self, line: int, text: str, remedy: str = "") -> None:
        self.readable = False
        self.problems.append(Problem(str(self.file), line, "", text, remedy))

    def _refuse_the_clever(self, text: bytes) -> None:
        """Walk the events, which costs no recursion, before a tree is built from them."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            mark = event.start_mark
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _refusal("anchors and aliases are not used here: write the value out", mark)
            if getattr(event, "tag", None):
                raise _refusal("tags (!…) are not used here", mark)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise _refusal(f"nested deeper than {MAX_DEPTH} levels", mark)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def _build(self, loader: Any, node: yaml.Node, path: KeyPath, line: int) -> Node:
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return Node(
                [self._build(loader, item, (*path, n), item.start_mark.line + 1) for n, item in items], line
            )
        if isinstance(node, yaml.MappingNode):
            return Node(self._build_mapping(loader, node, path), line)
        try:
            value = loader.construct_object(node)
        except ValueError:
            # A text shaped like a date or a number that there is not, such as 2026-02-30.
            value = node.value
        if isinstance(value, float) and not math.isfinite(value):
            raise _refusal("not a number that can be used here", node.start_mark)
        return Node(value, line)

    def _build_mapping(self, loader: Any, node: yaml.MappingNode, path: KeyPath) -> dict[str, Node]:
        built: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal("a key must be one word", key.start_mark)
            # As written: a user named 0100 or "on" must not become a number or a truth value.
            name = str(key.value)
            if name in built:
                place = spell((*path, name))
                text = f"the key stands here a second time (first on line {built[name].line})"
                self.problems.append(Problem(str(self.file), line, place, text, "remove one of them"))
            else:
                built[name] = self._build(loader, value, (*path, name), line)
        return built


def _refusal(text: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=mark)
