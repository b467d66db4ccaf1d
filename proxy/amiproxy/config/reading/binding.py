"""Binds the tree of a file to frozen structs, and reports *all* problems with their lines.

msgspec converts and checks values, but stops at the first error; so the walk over
structs, lists and mappings is done here, and msgspec converts only the leaves.  A type
with a method ``from_text`` parses itself; a path is resolved against the file's folder
and the environment, also inside a type with a method ``from_place``.  With
``Annotated[kind, look]``, the function ``look`` checks the bound value.  These methods and
functions raise Unfit (or another ValueError).
"""

import difflib
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import msgspec

from amiproxy.config.reading.document import Document, Node
from amiproxy.config.reading.problems import KeyPath
from amiproxy.core.model.errors import Unfit

S = TypeVar("S", bound=msgspec.Struct)

#: Binds the node at a key path.
_Plan = Callable[["Binder", Node, KeyPath], Any]
#: Checks one finished struct, and reports values that do not make sense together.
Check = Callable[[Any, KeyPath, Document], None]

_PLAIN_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "array": "a list", "object": "a mapping", "null": "nothing", "date": "a date", "datetime": "a date",
}  # fmt: skip
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Invalid:
    """Stands for an invalid value, whose problem has been reported."""


_INVALID = _Invalid()


class Binder:
    """Binds one document.  ``checks`` are called for each struct of their type that could be built.

    Checks of values (``Annotated``) by one of the functions in ``skipped`` are skipped.  ``removed``
    has the keys that a struct once had, with a remedy each: such a key is accepted whatever its value,
    and reported as outdated.  ``misplaced`` has the keys that belong into another struct, with a remedy each.
    """

    def __init__(
        self,
        document: Document,
        environ: Mapping[str, str],
        checks: Mapping[type, Check] | None = None,
        skipped: Collection[Callable[[Any], object]] = (),
        removed: Mapping[type, Mapping[str, str]] = MappingProxyType({}),
        misplaced: Mapping[type, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        self._removed = removed
        self._misplaced = misplaced
        self._skipped = skipped
        self._document = document
        self._environ = environ
        self._checks = checks or {}
        #: Key path -> file, for the named files that can be used, whatever other problems there are.
        self.files: dict[KeyPath, Path] = {}

    def bind(self, kind: type[S]) -> S | None:
        """The whole document as ``kind``; None if a problem was reported for any part of it."""
        if not self._document.readable:
            return None
        return cast("S | None", self.bind_at(self._document.root, kind, ()))

    def bind_key(self, key: str, kind: type[S]) -> S | None:
        """The value of one key alone, whatever the rest of the document; None if it is absent or wrong."""
        given = self._document.root.content if self._document.readable else None
        node = given.get(key) if isinstance(given, dict) else None
        return cast("S | None", self.bind_at(node, kind, (key,))) if node is not None else None

    def bind_at(self, node: Node, kind: Any, path: KeyPath) -> Any:
        """The value of the node at this path; None if it is wrong."""
        bound = _plan(kind)(self, node, path)
        return None if bound is _INVALID else bound

    def _judge(
        self, node: Node, plan: "_Plan", looks: Iterable[Callable[[Any], object]], path: KeyPath
    ) -> Any:
        bound = plan(self, node, path)
        if bound is _INVALID:
            return bound
        try:
            for look in looks:
                if look not in self._skipped:
                    look(bound)
        except ValueError as error:
            return self._wrong(path, str(error), getattr(error, "remedy", ""))
        if isinstance(bound, Path):
            self.files[path] = bound
        return bound

    def _bind_struct(self, node: Node, shape: "_Shape", path: KeyPath) -> Any:
        # A key without a value: a section in which every line is commented out.
        given = {} if node.content is None else node.content
        if not isinstance(given, dict):
            return self._wrong(path, f"expected a mapping, got {_describe(given)}", "write key: value lines")
        values: dict[str, Any] = {}
        sound = True
        misspelt = set()
        removed = self._removed.get(shape.kind, {})
        misplaced = self._misplaced.get(shape.kind, {})
        for key, child in given.items():
            plan = shape.fields.get(key)
            if plan is None and key in removed:
                self._document.report_outdated((*path, key), removed[key])
                continue
            if plan is None and key in misplaced:
                sound = False
                self._wrong((*path, key), "does not belong here", misplaced[key])
                continue
            if plan is None:
                near = difflib.get_close_matches(key, shape.fields, n=1, cutoff=0.6)
                misspelt.update(near)
                sound = False
                remedy = f"did you mean '{near[0]}'?" if near else _known(shape.fields)
                self._wrong((*path, key), "unknown key", remedy)
                continue
            values[key] = bound = plan(self, child, (*path, key))
            sound = sound and bound is not _INVALID
        for name in shape.required:
            if name not in values:
                sound = False
                if name not in misspelt:
                    self._wrong(path, f"the key '{name}' is missing", "add it")
        if not sound:
            return _INVALID
        built = shape.kind(**values)
        before = len(self._document.problems)
        for parent in shape.kind.__mro__:
            if check := self._checks.get(parent):
                check(built, path, self._document)
        return built if len(self._document.problems) == before else _INVALID

    def _bind_list(self, node: Node, plan: "_Plan", path: KeyPath) -> Any:
        given = [] if node.content is None else node.content
        if not isinstance(given, list):
            return self._wrong(
                path, f"expected a list, got {_describe(given)}", "write [a, b], or lines with a dash"
            )
        items = [plan(self, item, (*path, n)) for n, item in enumerate(given)]
        return _INVALID if _INVALID in items else tuple(items)

    def _bind_mapping(self, node: Node, plan: "_Plan", path: KeyPath) -> Any:
        given = {} if node.content is None else node.content
        if not isinstance(given, dict):
            return self._wrong(path, f"expected a mapping, got {_describe(given)}", "write key: value lines")
        items = {key: plan(self, child, (*path, key)) for key, child in given.items()}
        return _INVALID if any(item is _INVALID for item in items.values()) else items

    def _bind_text(self, node: Node, read: Callable[["Binder", str], Any], path: KeyPath) -> Any:
        value = node.content
        if not isinstance(value, str):
            return self._wrong(path, f"expected text, got {_describe(node.plain())}", "put it in quotes")
        try:
            return read(self, value)
        except ValueError as error:
            return self._wrong(path, str(error), getattr(error, "remedy", ""))

    def _bind_leaf(self, node: Node, kind: Any, path: KeyPath) -> Any:
        value = node.plain()
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            return self._wrong(path, *_explain(str(error), value, kind))

    def _resolve(self, text: str) -> Path:
        def variable(match: re.Match[str]) -> str:
            value = self._environ.get(match[1])
            if not value:
                text = f"the environment variable {match[1]} is not set"
                raise Unfit(text, "set it, or write the path in full")
            return value

        if not text or "\0" in text:
            raise Unfit("expected a path, got nothing", "write the path of a file")
        return self._document.file.parent / _VARIABLE.sub(variable, text)

    def _wrong(self, path: KeyPath, text: str, remedy: str = "") -> _Invalid:
        self._document.report(path, text, remedy)
        return _INVALID


@dataclass(frozen=True, slots=True)
class _Shape:
    """A struct type, how its fields are bound, and which are required."""

    kind: type[msgspec.Struct]
    fields: Mapping[str, "_Plan"]
    required: tuple[str, ...]


@cache
def _plan(kind: Any) -> "_Plan":
    """How a value of this type is bound.  Cached, since inspecting types takes longer than binding values."""
    if get_origin(kind) is Annotated:
        looks = [look for look in get_args(kind)[1:] if not isinstance(look, msgspec.Meta)]
        if looks:
            inner = _plan(get_args(kind)[0])
            return lambda binder, node, path: binder._judge(node, inner, looks, path)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _plan_of_union(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        shape = _shape_of(kind)
        return lambda binder, node, path: binder._bind_struct(node, shape, path)
    if origin is tuple:
        item = _plan(get_args(kind)[0])
        return lambda binder, node, path: binder._bind_list(node, item, path)
    if origin is dict:
        item = _plan(get_args(kind)[1])
        return lambda binder, node, path: binder._bind_mapping(node, item, path)
    if kind is Path:
        return lambda binder, node, path: binder._bind_text(node, Binder._resolve, path)
    if hasattr(kind, "from_place"):
        read_place = kind.from_place
        return lambda binder, node, path: binder._bind_text(
            node, lambda one, text: read_place(text, one._resolve), path
        )
    if hasattr(kind, "from_text"):
        read = kind.from_text
        return lambda binder, node, path: binder._bind_text(node, lambda _, text: read(text), path)
    return _plan_of_leaf(kind)


def _plan_of_leaf(kind: Any) -> "_Plan":
    if kind in (str, bool):
        # By far the most frequent types, with nothing to convert; values of other types are reported below.
        return lambda binder, node, path: (
            node.content if type(node.content) is kind else binder._bind_leaf(node, kind, path)
        )
    return lambda binder, node, path: binder._bind_leaf(node, kind, path)


def _plan_of_union(members: tuple[Any, ...]) -> "_Plan":
    plans: dict[type, _Plan] = {}

    def bind(binder: Binder, node: Node, path: KeyPath) -> Any:
        shape = type(node.content)
        plan = plans.get(shape)
        if plan is None:
            member = _member(node, members)
            # If several leaf types are left, msgspec chooses between them.
            plan = plans[shape] = _plan_of_leaf(member) if get_origin(member) is Union else _plan(member)
        return plan(binder, node, path)

    return bind


def _shape_of(kind: type[msgspec.Struct]) -> _Shape:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = msgspec.structs.fields(kind)
    return _Shape(
        kind,
        {field.name: _plan(hints[field.name]) for field in fields},
        tuple(field.name for field in fields if field.required),
    )


def _member(node: Node, members: tuple[Any, ...]) -> Any:
    """The member of a union that has the shape of the written value; otherwise a union of all leaf types."""
    if node.content is None and type(None) in members:
        return type(None)
    shaped = {dict: [], list: []}  # type: dict[type, list[Any]]
    leaves = []
    for member in members:
        origin = get_origin(member)
        if origin is dict or (isinstance(member, type) and issubclass(member, msgspec.Struct)):
            shaped[dict].append(member)
        elif origin is tuple:
            shaped[list].append(member)
        elif member is not type(None):
            leaves.append(member)
    fitting = shaped.get(type(node.content)) or leaves or shaped[list] or shaped[dict]
    return fitting[0] if len(fitting) == 1 else Union[tuple(fitting)]  # noqa: UP007 - built at run time


def _known(fields: Iterable[str]) -> str:
    names = list(fields)
    return f"known keys: {', '.join(names)}" if len(names) <= 12 else "the annotated proxy.yaml has all keys"


def _explain(message: str, value: Any, kind: Any) -> tuple[str, str]:
    """msgspec's message in plain words for operators, and a remedy.  Never repeats the value."""
    choices = [str(choice) for choice in get_args(kind)] if get_origin(kind) is typing.Literal else []
    if choices:
        return f"expected one of {', '.join(choices)}", _closest(value, choices)
    message, _, _ = message.partition(" - at ")
    words = re.sub(r"`([^`]*)`", lambda match: _in_words(match[1]), message)
    words = words.replace(" >= ", " of at least ").replace(" <= ", " of at most ").replace(" > ", " above ")
    remedy = "put it in quotes" if "Expected text" in words and not isinstance(value, (dict, list)) else ""
    return words[:1].lower() + words[1:], remedy


def _in_words(type_names: str) -> str:
    return " or ".join(_PLAIN_WORDS.get(name, name) for name in type_names.split(" | ") if name != "null")


def _closest(value: Any, choices: list[str]) -> str:
    near = difflib.get_close_matches(str(value), choices, n=1)
    return f"did you mean '{near[0]}'?" if near else "write one of them"


def _describe(value: Any) -> str:
    kinds = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number")
