"""Parses Asterisk's configuration syntax into sections with their settings.

It follows Asterisk's config.c: ``[name](!)`` templates and ``[name](a,b)``
inheritance, ``[name](+)`` additions, ``#include`` and ``#tryinclude``, ``=`` and
``=>``, ``+=``, ``;`` comments and nested ``;-- --;`` ones, ``\\;`` for a semicolon.
A UTF-8 byte order mark at the start of a file is skipped.
Anything that would make Asterisk reject the whole file raises Unfit, because such a
file cannot be in use.  Lines that Asterisk skips with a warning become remarks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from amiproxy.core.model.errors import Unfit

#: Returns path and text of every file that a name or pattern after ``#include`` refers to.
Files = Callable[[str], Sequence[tuple[str, str]]]

#: Asterisk's own limit.
_MAX_INCLUDES = 10
#: The characters that ast_strip removes: every byte up to and including the space.
BLANKS = "".join(map(chr, range(1, 33)))
_BYTE_ORDER_MARK = "\ufeff"


class Setting(NamedTuple):
    """One ``name = value``; ``place`` is file and line.  Names keep their case."""

    name: str
    value: str
    place: str


@dataclass(slots=True)
class Section:
    """One ``[name]``; ``settings`` in order, inherited ones first."""

    name: str
    place: str
    is_template: bool = False
    settings: list[Setting] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Section [{self.name}] {self.place}>"


class Remark(NamedTuple):
    """A line that Asterisk skips."""

    place: str
    text: str


@dataclass(slots=True)
class Configuration:
    """All sections in order, without templates; ``remarks`` are about lines without effect."""

    sections: list[Section] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def parse(path: str, text: str, files: Files) -> Configuration:
    """Parse a file with all it includes.  Raises Unfit, with the place, where Asterisk would reject it.

    ``path`` is its name in messages and ``text`` its content; ``files`` returns (path, content) of each file
    that a name or pattern in an ``#include`` stands for.
    """
    reader = _Reader(files)
    reader.read(path, text)
    sections = [section for section in reader.sections if not section.is_template]
    return Configuration(sections, reader.remarks)


class _Reader:
    def __init__(self, files: Files) -> None:
        self.sections: list[Section] = []
        self.remarks: list[Remark] = []
        self._files = files
        self._open: list[str] = []
        #: The section that an included file begins in.
        self._latest: Section | None = None

    def read(self, path: str, text: str) -> None:
        self._open.append(path)
        section = self._latest
        for number, line in _uncommented(path, text):
            place = f"{path}:{number}"
            if line.startswith("["):
                section = self._begin(line, place)
            elif line.startswith("#"):
                self._direct(line, place)
            else:
                self._set(section, line, place)
        self._open.pop()

    # -- [name](options) ---------------------------------------------------

    def _begin(self, line: str, place: str) -> Section:
        name, bracket, rest = line[1:].partition("]")
        if not bracket:
            raise Unfit(f"{place}: no closing ]", "Asterisk rejects the whole file; close it")
        section = Section(name, place)
        added = False
        if rest.startswith("("):
            options, parenthesis, _ = rest[1:].partition(")")
            if not parenthesis:
                raise Unfit(f"{place}: no closing )", "Asterisk rejects the whole file; close it")
            for option in options.split(","):
                if option == "!":
                    section.is_template = True
                elif option.startswith("+"):
                    section, added = self._addition(section, option[1:], place), True
                elif option:
                    section.settings += self._base(option, place).settings
        if not added:
            self.sections.append(section)
        self._latest = section
        return section

    def _addition(self, section: Section, condition: str, place: str) -> Section:
        if condition:
            text = f"{place}: a condition after + is not supported"
            raise Unfit(text, "write the settings into the section itself")
        target = self._find(section.name, templates=False) or self._find(section.name, templates=True)
        if target is None:
            text = f"{place}: [{section.name}](+) adds to a section that does not exist"
            raise Unfit(text, "Asterisk rejects the whole file; name a section above it")
        target.is_template |= section.is_template
        target.settings += section.settings
        return target

    def _base(self, name: str, place: str) -> Section:
        base = self._find(name, templates=True)
        if base is None:
            text = f"{place}: inherits from {name}, which does not exist"
            raise Unfit(text, "Asterisk rejects the whole file; name a section above it")
        return base

    def _find(self, name: str, *, templates: bool) -> Section | None:
        fitting = [section for section in self.sections if templates or not section.is_template]
        for section in fitting:
            if section.name == name:
                return section
        return next((section for section in fitting if section.name.lower() == name.lower()), None)

    # -- #include ----------------------------------------------------------

    def _direct(self, line: str, place: str) -> None:
        word, *rest = line[1:].split(None, 1)[:2] or [""]
        argument = _unquoted(rest[0].strip(BLANKS)) if rest else ""
        match word.lower():
            case "include" | "tryinclude" if argument:
                self._include(argument, place, optional=word.lower() == "tryinclude")
            case "exec":
                self.remarks.append(Remark(place, "#exec is not run: its output is not imported"))
            case _:
                self.remarks.append(
                    Remark(place, f"#{word} is an unknown or incomplete directive, without effect")
                )

    def _include(self, name: str, place: str, *, optional: bool) -> None:
        if len(self._open) >= _MAX_INCLUDES:
            text = f"{place}: files include each other more than {_MAX_INCLUDES} deep"
            raise Unfit(text, "Asterisk rejects the whole file; remove the cycle")
        found = self._files(name)
        if not found and not optional:
            text = f"{place}: the included file {name} does not exist"
            raise Unfit(text, "copy it to the folder of the first file, or use #tryinclude")
        for path, text in found:
            self.read(path, text)

    # -- name = value ------------------------------------------------------

    def _set(self, section: Section | None, line: str, place: str) -> None:
        if section is None:
            raise Unfit(f"{place}: a setting before any [section]", "Asterisk rejects the whole file")
        escaped = line.startswith("\\")
        body = line[1:] if escaped else line
        at = body.find("=", 1 if escaped else 0)
        if at < 0:
            self.remarks.append(Remark(place, "a line without = has no effect"))
            return
        name, value = body[:at], body[at + 1 :]
        if at > 0 and name.endswith("+"):
            self._append(section, name[:-1].strip(BLANKS), value, place)
        else:
            self._store(section, name.strip(BLANKS), value.removeprefix(">"), place)

    def _append(self, section: Section, name: str, value: str, place: str) -> None:
        for number in range(len(section.settings) - 1, -1, -1):
            last = section.settings[number]
            if last.name == name:
                joined = (last.value + value).strip(BLANKS)
                section.settings[number] = Setting(last.name, joined, place)
                return
        self._store(section, name, value, place)

    def _store(self, section: Section, name: str, value: str, place: str) -> None:
        if not name:
            self.remarks.append(Remark(place, "a line without a name before = has no effect"))
            return
        section.settings.append(Setting(name, value.strip(BLANKS), place))


def _unquoted(argument: str) -> str:
    for first, last in ('""', "<>"):
        if len(argument) > 1 and argument.startswith(first) and argument.endswith(last):
            return argument[1:-1]
    return argument


def _uncommented(path: str, text: str) -> list[tuple[int, str]]:
    """The lines that are not empty, with their numbers, without comments and surrounding blanks."""
    lines = []
    depth = 0
    for number, line in enumerate(text.removeprefix(_BYTE_ORDER_MARK).split("\n"), 1):
        kept, depth = _without_comments(line, depth)
        kept = kept.strip(BLANKS)
        if kept:
            lines.append((number, kept))
    if depth:
        raise Unfit(f"{path}: a comment begun with ;-- is never closed", "close it with --;")
    return lines


def _without_comments(line: str, depth: int) -> tuple[str, int]:
    """The line without its comments, and how many block comments are still open after it."""
    kept = ""
    at = 0
    while True:
        semicolon = line.find(";", at)
        if semicolon < 0:
            return kept + ("" if depth else line[at:]), depth
        before = "" if depth else line[at:semicolon]
        if semicolon > at and line[semicolon - 1] == "\\":
            kept += before[:-1] + ("" if depth else ";")
        elif line.startswith(";--", semicolon) and not line.startswith(";---", semicolon):
            kept += before
            depth += 1
            semicolon += 2
        elif depth and line[at:semicolon].endswith("--"):
            depth -= 1
        elif depth == 0:
            return kept + before, depth
        at = semicolon + 1
