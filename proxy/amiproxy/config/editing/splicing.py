"""Change values in the text of a YAML file and leave every other byte as it is.

The parser says where each key and value stands in the text, and only these places are cut out or filled.
Writing the whole tree again, as round-trip libraries do, would change the indentation of lists and the width
of comments, and lose the comment above a key whose neighbour is removed.

Anchors, tags and duplicate keys must have been refused before (``Document``).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import yaml

from amiproxy.core.model.errors import Unfit

#: Tags of values that are not strings.  What looks like a date is left as it is written.
_TYPED: Final = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null")}
#: Characters that are line breaks to the parser, but not to an editor.
_ODD_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_COMMENT: Final = re.compile(r"([ \t]*)#")
_WIDTH: Final = 1 << 30
_REMEDY: Final = "change the file in an editor"


class _Cut(NamedTuple):
    start: int
    end: int
    filling: str
    #: Of two fillings in one place, the deeper one stands first: it belongs to what ends there.
    depth: int = 0


class Splicer:
    """The text of one file, and the cuts to be made in it; positions are characters of the text.

    A path names the keys from the root.  All methods raise Unfit if the layout allows no faithful change.
    """

    def __init__(self, text: bytes) -> None:
        try:
            whole = text.decode()
        except UnicodeDecodeError:
            raise Unfit("the file is not UTF-8", "save it as UTF-8") from None
        self._mark = "\ufeff" if whole.startswith("\ufeff") else ""
        self._text = whole.removeprefix("\ufeff")
        if _ODD_BREAK.search(self._text):
            raise Unfit("the file has line breaks other than LF and CRLF", _REMEDY)
        self._newline = "\r\n" if "\r\n" in self._text else "\n"
        #: What completes the last line here, and is left out of the result.
        self._missing = "" if self._text.endswith("\n") else self._newline
        self._text += self._missing
        self._root = yaml.compose(self._text, Loader=yaml.CSafeLoader)
        self._is_json = self._text[:1] == "{" and _is_json(self._text)
        self._cuts: list[_Cut] = []

    def result(self) -> bytes:
        """The text with all changes made so far."""
        done, position = [self._mark], 0
        for cut in sorted(self._cuts, key=lambda cut: (cut.start, cut.end, -cut.depth)):
            if cut.start < position:
                raise Unfit("two of the changes concern the same place", _REMEDY)
            done += [self._text[position : cut.start], cut.filling]
            position = cut.end
        return "".join([*done, self._text[position:]]).removesuffix(self._missing).encode()

    def put(self, path: Sequence[str], value: Any) -> None:
        """Set the value at a path; equal parts of lists and mappings there keep their text."""
        key, mapping = self._find(path[:-1])
        for one, node in _pairs(mapping):
            if one.value == path[-1]:
                self._replace(one, node, value)
                return
        self._add(key, mapping, path[-1], value)

    def drop(self, path: Sequence[str], *, whole_entry: bool = False) -> None:
        """Remove the key at a path, with its value and the comments inside.

        With ``whole_entry``, also the comments after its last value that are indented like its own keys,
        and the empty lines that separate it from the next key.
        """
        key, mapping = self._find(path[:-1])
        pairs = _pairs(mapping)
        at = [one.value for one, _ in pairs].index(path[-1])
        if len(pairs) == 1 and not mapping.flow_style:
            self._cut(self._after_colon(key), self._after_colon(key), " {}")
        self._drop(mapping, {at}, whole_entry=whole_entry)

    def rename(self, path: Sequence[str], name: str) -> None:
        """Give the key at a path another name; its quotes stay."""
        key, _ = self._pair(path)
        self._cut(_start(key), _end(key), self._scalar(name, key.style))

    # -- where things are ---------------------------------------------------

    def _find(self, path: Sequence[str]) -> tuple[Any, Any]:
        return self._pair(path) if path else (None, self._root)

    def _pair(self, path: Sequence[str]) -> tuple[Any, Any]:
        key, node = None, self._root
        for step in path:
            key, node = next(pair for pair in _pairs(node) if pair[0].value == step)
        return key, node

    def _line_start(self, position: int) -> int:
        return self._text.rfind("\n", 0, position) + 1

    def _line_end(self, position: int) -> int:
        """The beginning of the next line."""
        found = self._text.find("\n", position)
        return len(self._text) if found < 0 else found + 1

    def _after_colon(self, key: Any) -> int:
        found = re.compile(r"\s*:").match(self._text, _end(key))
        if found is None:
            raise Unfit("a key is written with ? before it", _REMEDY)
        return found.end()

    def _content_end(self, key: Any, node: Any) -> int:
        """The end of a value without the comments after it; ``key`` is needed if the value is empty."""
        if isinstance(node, yaml.ScalarNode):
            return self._after_colon(key) if _is_empty(node) else self._scalar_end(node)
        if node.flow_style:
            return _end(node)
        if isinstance(node, yaml.MappingNode):
            return self._content_end(*node.value[-1])
        return self._content_end(key, node.value[-1])

    def _scalar_end(self, node: Any) -> int:
        start, end = _start(node), _end(node)
        # The text of a block scalar (| or >) ends where the next line begins.
        return start + len(self._text[start:end].rstrip()) if node.style in ("|", ">") else end

    # -- how things are changed ------------------------------------------------

    def _cut(self, start: int, end: int, filling: str, depth: int = 0) -> None:
        self._cuts.append(_Cut(start, end, filling, depth))

    def _replace(self, key: Any, node: Any, value: Any) -> None:
        if _plain(node) == value:
            return
        if isinstance(node, yaml.SequenceNode) and isinstance(value, list) and node.value and value:
            self._replace_items(key, node, value)
        elif isinstance(node, yaml.MappingNode) and isinstance(value, Mapping) and node.value and value:
            pairs = _pairs(node)
            gone = {number for number, (one, _) in enumerate(pairs) if one.value not in value}
            if len(gone) == len(pairs) and node.flow_style:
                self._rewrite(key, node, value)
                return
            if gone:
                self._drop(node, gone)
            for one, child in pairs:
                if one.value in value:
                    self._replace(one, child, value[one.value])
            for name in value:
                if all(one.value != name for one, _ in pairs):
                    self._add(key, node, name, value[name])
        else:
            self._rewrite(key, node, value)

    def _rewrite(self, key: Any, node: Any, value: Any) -> None:
        """Write another value in place of the whole old one."""
        if isinstance(node, yaml.ScalarNode):
            if _is_empty(node):
                self._cut(self._after_colon(key), self._after_colon(key), f" {self._flow(value)}")
            else:
                filling = self._scalar(value, node.style)
                self._cut(_start(node), self._scalar_end(node), filling)
        elif node.flow_style:
            self._cut(_start(node), _end(node), self._flow(value))
        else:
            # Comments between the lines of the old value stay.
            self._cut(self._after_colon(key), self._after_colon(key), f" {self._flow(value)}")
            for start, end in self._lines_of(node):
                self._cut(start, end, "")

    def _replace_items(self, key: Any, node: Any, value: list[Any]) -> None:
        old = [_plain(item) for item in node.value]
        kept = [item for item in old if item in value]
        if value[: len(kept)] != kept or any(item in old for item in value[len(kept) :]):
            kept = []  # In another order, or some twice: rewrite them all.
        if node.flow_style and not kept:
            self._rewrite(key, node, value)
            return
        gone = {number for number, item in enumerate(old) if item not in kept}
        added = [self._scalar(item, getattr(node.value[-1], "style", None)) for item in value[len(kept) :]]
        if node.flow_style:
            spans = [(_start(item), self._content_end(None, item)) for item in node.value]
            self._drop_spans(spans, gone)
            self._cut(spans[-1][1], spans[-1][1], "".join(f", {item}" for item in added))
        else:
            lines = list(self._lines_of(node))
            for number in gone:
                self._cut(*lines[number], "")
            self._insert_lines(lines[-1][1], node.start_mark.column, [f"- {item}" for item in added])

    def _add(self, key: Any, mapping: Any, name: str, value: Any) -> None:
        """Append a key to a mapping, which may be an empty value so far."""
        if not _pairs(mapping):
            self._rewrite(key, mapping, {name: value})
            return
        said = f"{self._scalar(name, None)}: {self._flow(value)}"
        last = self._content_end(*mapping.value[-1])
        if mapping.flow_style:
            self._cut(last, last, f", {said}")
        else:
            self._insert_lines(self._line_end(last), mapping.start_mark.column, [said])

    def _drop(self, mapping: Any, gone: set[int], *, whole_entry: bool = False) -> None:
        pairs = mapping.value
        if mapping.flow_style:
            self._drop_spans([(_start(one), self._content_end(one, node)) for one, node in pairs], gone)
            return
        lines = list(self._lines_of(mapping))
        for number in gone:
            start, end = lines[number]
            column = pairs[number][0].start_mark.column
            self._cut(start, self._end_of_entry(end, column) if whole_entry else end, "")

    def _drop_spans(self, spans: list[tuple[int, int]], gone: set[int]) -> None:
        """Remove parts of a flow collection, each with the comma that separates it from what stays."""
        if len(gone) == len(spans):
            self._cut(spans[0][0], spans[-1][1], "")
            return
        first_kept = min(set(range(len(spans))) - gone)
        for number in gone:
            if number < first_kept:
                self._cut(spans[number][0], spans[number + 1][0], "")
            else:
                self._cut(spans[number - 1][1], spans[number][1], "")

    def _lines_of(self, node: Any) -> Iterator[tuple[int, int]]:
        """The lines of each child of a block collection, from the first character to the next line."""
        if isinstance(node, yaml.MappingNode):
            children = [(_start(key), self._content_end(key, value)) for key, value in node.value]
            before = re.compile(r" *")
        else:
            children = [(_start(item), self._content_end(None, item)) for item in node.value]
            before = re.compile(r" *-[ \t]+")
        lines = [(self._line_start(start), self._line_end(end)) for start, end in children]
        for (begin, _), (start, _) in zip(lines, children, strict=True):
            if not before.fullmatch(self._text, begin, start):
                raise Unfit("several keys or items stand on one line", _REMEDY)
        if any(before_end > after for (_, before_end), (after, _) in pairwise(lines)):
            raise Unfit("several keys or items stand on one line", _REMEDY)
        return iter(lines)

    def _end_of_entry(self, end: int, column: int) -> int:
        """Where an entry ends that has its name in this column: behind its comments and empty lines."""
        position = end
        while position < len(self._text):
            after = self._line_end(position)
            line = self._text[position:after]
            comment = _COMMENT.match(line)
            if line.strip() and (comment is None or len(comment[1]) <= column):
                break
            position = after
        # At the end of the file there is nothing that the empty lines would separate from it.
        return position

    def _insert_lines(self, position: int, column: int, lines: list[str]) -> None:
        for line in lines:
            filling = f"{' ' * column}{line}{self._newline}"
            # A list may be indented like the key that it belongs to, so it counts as a little deeper.
            self._cut(position, position, filling, 2 * column + line.startswith("- "))

    # -- how values are written -----------------------------------------------------

    def _scalar(self, value: Any, style: str | None) -> str:
        """A value in the quotes of the text that it replaces or follows; ``style`` is that of its node."""
        if isinstance(value, str) and style in ("'", '"') and not self._is_json:
            return _dump(value, default_style=style).rstrip("\n")
        return self._flow(value)

    def _flow(self, value: Any) -> str:
        """A value on one line, as it may stand in any place."""
        if self._is_json:
            return json.dumps(value, ensure_ascii=False)
        return _dump([value], default_flow_style=True).rstrip("\n")[1:-1]


def _dump(value: Any, **style: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=_WIDTH, **style
    )
    return text


def _start(node: Any) -> int:
    index: int = node.start_mark.index
    return index


def _end(node: Any) -> int:
    index: int = node.end_mark.index
    return index


def _pairs(mapping: Any) -> list[tuple[Any, Any]]:
    return mapping.value if isinstance(mapping, yaml.MappingNode) else []


def _is_empty(node: Any) -> bool:
    return _start(node) == _end(node)


def _plain(node: Any) -> Any:
    """The value of a node: texts, lists, mappings, and what YAML reads an unquoted text as."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return yaml.load(node.value, Loader=yaml.CSafeLoader) if node.tag in _TYPED else node.value


def _is_json(text: str, read: Callable[[str], Any] = json.loads) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
