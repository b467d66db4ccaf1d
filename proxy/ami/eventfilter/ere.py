"""POSIX extended regular expressions as glibc reads them, for RE2 to run.

glibc's matcher backtracks and may take for ever; RE2's time is bounded by the
length of the text times the size of the pattern.  So the pattern is parsed by
glibc's rules (regcomp with REG_EXTENDED, UTF-8 locale, no REG_NEWLINE) and
written down again in RE2's syntax, every construct spelled out.  Only whether
something matches is kept, not where: Asterisk asks no more.

``^`` and ``$`` are as glibc's matcher has them, not as its manual does: at the
pattern's own ends they stand for the text's, but ``^`` behind a line end that the
pattern itself matched holds too, and so does ``$`` before one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import re2

from proxy.ami.errors import FilterNotCompiled

#: How deep groups may nest: the parser recurses, and a pattern must not exhaust the stack.
MAX_DEPTH = 100
#: RE2's own bound on a count in braces; glibc's is 32767.
MAX_COUNT = 1000
#: Bytes RE2 may use for one pattern, program and automaton together.  Filters of
#: everyday size take a few KiB; ``\w`` alone is 20 KiB, because of Unicode.
MAX_MEMORY = 2 << 20

# On which sides of a word's edge an element's outermost characters may lie.
_WORD, _OTHER, _ANY = 1, 2, 3
_WORD_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_ASCII = frozenset(map(chr, range(128)))
# RE2 refuses an empty class, but not the complement of everything.
_NEVER = r"[^\x00-\x{10ffff}]"

# What a match has taken up on one side of an anchor.  STUCK is a maybe from which a
# following element that could take a line end does not make a surely.
_NOTHING, _MAYBE, _STUCK, _SURELY = range(4)

# What C.UTF-8 counts in, as RE2 class contents.
_NO_BREAK = r"\x{a0}\x{2007}\x{202f}"
_BLANKS = r"\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{205f}\x{3000}"
_PUNCTUATION = r"\p{P}\p{S}\p{No}\p{Cf}\p{Co}\p{Me}"
_CLASSES: Final = {
    "alnum": r"\p{L}\p{Nl}\p{Nd}",
    "alpha": r"\p{L}\p{Nl}",
    "blank": r" \t" + _BLANKS,
    "cntrl": r"\p{Cc}\x{2028}\x{2029}",
    "digit": "0-9",
    "graph": r"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}" + _NO_BREAK,
    "lower": r"\p{Ll}\x{aa}\x{ba}\x{1c5}\x{1c8}\x{1cb}\x{1f2}",
    "print": r"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}\p{Zs}",
    "punct": _PUNCTUATION + _NO_BREAK,
    "space": r" \t\n\v\f\r\x{2028}\x{2029}" + _BLANKS,
    "upper": r"\p{Lu}\p{Lt}",
    "xdigit": "0-9A-Fa-f",
}
_WORD_CLASS = r"\p{L}\p{Nl}\p{Nd}_"


@dataclass(frozen=True, slots=True)
class Expression:
    """A pattern ready to run.

    Without special characters but for ``^`` in front and ``$`` behind, it is
    ``literal`` with ``at_start`` and ``at_end``; otherwise ``literal`` is None and
    ``re2`` what the engine takes.  ``needle`` are bytes that no match lacks
    (b"" if none is known).  ``size`` counts the characters it matches one after
    the other, counts multiplied out: RE2's time is at worst proportional to it.
    """

    re2: str
    size: int
    needle: bytes
    literal: bytes | None
    at_start: bool
    at_end: bool

    def search(self) -> Callable[[bytes], object]:
        """The compiled search: truthy for a text in which the pattern matches."""
        search: Callable[[bytes], object] = _compiled(self.re2).search
        return search


@dataclass(frozen=True, slots=True)
class _Element:
    """One element of a branch.

    ``text`` is RE2's, complete; a group has ``branches`` instead, and ``operators``
    behind it, as what its anchors mean depends on what stands around it.
    ``first`` and ``last``: the kinds its outermost characters may be of, _ANY if
    it may be empty.  ``character`` is set if it matches one character only, and
    ``anchor`` if it is one: ``^`` ``$`` ``b`` ``<`` ``>``.
    """

    text: str = ""
    first: int = _ANY
    last: int = _ANY
    size: int = 0
    character: str | None = None
    anchor: str = ""
    is_nullable: bool = True
    takes_newline: bool = False
    branches: "tuple[tuple[_Element, ...], ...]" = ()
    operators: tuple[str, ...] = ()
    is_repeated: bool = False


def parse(pattern: bytes, limit: int | None) -> Expression:
    """Read a pattern as glibc does.  ``limit`` bounds its bytes and its ``size``; None does not.

    Raises FilterNotCompiled, with the reason.
    """
    check_text(pattern, limit)
    try:
        text = pattern.decode()
    except UnicodeDecodeError:
        raise FilterNotCompiled("the pattern is no UTF-8 text") from None
    whole = _Parser(text).alternation(0)
    if limit is not None and whole.size > limit:
        raise FilterNotCompiled(f"the pattern's counts multiply out to more than {limit} characters")
    expression = _expression(whole)
    if expression.literal is None:
        _compiled(expression.re2)
    return expression


def check_text(pattern: bytes, limit: int | None) -> None:
    """Refuse what no pattern may be, regular expression or not.  Raises FilterNotCompiled."""
    if limit is not None and len(pattern) > limit:
        raise FilterNotCompiled(f"the pattern is longer than {limit} bytes")
    if b"\0" in pattern:
        raise FilterNotCompiled("the pattern contains a NUL byte")


def _compiled(pattern: str) -> "re2._Regexp":
    # re2.compile keeps what it compiled last, so sessions with one filter share one program.
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    options.never_capture = True
    options.dot_nl = True
    try:
        # As bytes: the wrapper would otherwise decode every text it is given.
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        raise FilterNotCompiled(f"the pattern is too large to run in bounded time ({reason})") from None


def _expression(whole: _Element) -> Expression:
    elements = whole.branches[0] if len(whole.branches) == 1 else ()
    runs = "".join(element.character or "\0" for element in elements).split("\0")
    needle = max(runs, key=len).encode()
    at_start = bool(elements) and elements[0].anchor == "^"
    at_end = bool(elements) and elements[-1].anchor == "$"
    inner = elements[at_start : len(elements) - at_end]
    is_literal = bool(inner) and all(element.character for element in inner)
    return Expression(
        _written(whole, _NOTHING, _NOTHING),
        whole.size,
        needle,
        needle if is_literal else None,
        at_start,
        at_end,
    )


def _written(element: _Element, before: int, after: int) -> str:
    """An element in RE2's syntax, given what the match takes up before and after it."""
    if not element.branches:
        return element.text
    if element.is_repeated:
        before, after = max(before, _STUCK), max(after, _STUCK)
    text = "(?:" + "|".join(_branch_written(branch, before, after) for branch in element.branches) + ")"
    for operator in element.operators:
        text = f"(?:{text}{operator})"
    return text


def _branch_written(branch: tuple[_Element, ...], before: int, after: int) -> str:
    afters = [after]
    for element in reversed(branch[1:]):
        afters.append(_taken(afters[-1], element))
    edges = [_Element(), *branch, _Element()]
    parts: list[str] = []
    for index, element in enumerate(branch):
        after = afters[-1 - index]
        match element.anchor:
            case "^":
                parts.append(_text_edge("^", r"\A", before))
            case "$":
                parts.append(_text_edge("$", r"\z", after))
            case "<" | ">":
                parts.append(_word_edge(element.anchor, edges[index].last, edges[index + 2].first))
            case _:
                parts.append(_written(element, before, after))
        before = _taken(before, element)
    return "".join(parts)


def _taken(so_far: int, element: _Element) -> int:
    if element.anchor in {"^", "$"}:
        return so_far
    if not element.is_nullable:
        return _SURELY
    if so_far >= _STUCK:
        return so_far
    if element.anchor:
        return _STUCK
    # Where it took nothing and a line end is next to it, it could as well have taken that.
    return _SURELY if element.takes_newline else _MAYBE


def _text_edge(anchor: str, edge: str, taken: int) -> str:
    if taken == _NOTHING:
        return edge
    if taken == _SURELY:
        return f"(?m:{anchor})"
    raise FilterNotCompiled(f"{anchor} is not supported beside what may or may not match something")


def _word_edge(anchor: str, before: int, after: int) -> str:
    """RE2 has no ``\\<`` and ``\\>``, but they are ``\\b`` where one side is known."""
    inside, outside = (after, before) if anchor == "<" else (before, after)
    if inside == _WORD or outside == _OTHER:
        return r"\b"
    if inside == _OTHER or outside == _WORD:
        return _NEVER
    raise FilterNotCompiled(f"\\{anchor} is not supported between these characters: use \\b")


def _literal(character: str) -> _Element:
    kind = _WORD if character in _WORD_CHARACTERS else _OTHER
    is_plain = character.isalnum() or character == "_"
    text = character if is_plain else f"\\x{{{ord(character):x}}}"
    return _Element(text, kind, kind, 1, character, is_nullable=False, takes_newline=character == "\n")


def _class(contents: str, ascii_members: frozenset[str], is_negated: bool, is_ascii: bool) -> _Element:
    kinds = 0 if is_ascii and not is_negated else _OTHER
    members = _ASCII - ascii_members if is_negated else ascii_members
    if members & _WORD_CHARACTERS:
        kinds |= _WORD
    if members - _WORD_CHARACTERS:
        kinds |= _OTHER
    text = f"[{'^' * is_negated}{contents}]"
    return _Element(text, kinds, kinds, 1, is_nullable=False, takes_newline="\n" in members)


_SPACES = frozenset(" \t\n\v\f\r")
# The ASCII members of the classes, one of each kind: word characters, others, the line end.
_ASCII_OF: Final = {
    "alnum": _WORD_CHARACTERS - {"_"},
    "alpha": frozenset("a"),
    "digit": frozenset("0"),
    "graph": frozenset("a!"),
    "lower": frozenset("a"),
    "print": frozenset("a!"),
    "punct": frozenset("!_"),
    "upper": frozenset("A"),
    "xdigit": frozenset("0"),
    "blank": frozenset(" "),
    "cntrl": frozenset("\t\n"),
    "space": _SPACES,
}
_ANCHORS: Final = {
    "b": _Element(r"\b", anchor="b"),
    "B": _Element(r"\B", anchor="b"),
    "<": _Element(anchor="<"),
    ">": _Element(anchor=">"),
    "^": _Element(last=_OTHER, anchor="^"),
    "$": _Element(first=_OTHER, anchor="$"),
    "`": _Element(r"\A", last=_OTHER, anchor="b"),
    "'": _Element(r"\z", first=_OTHER, anchor="b"),
}
_ESCAPED_CLASSES: Final = {
    "w": _class(_WORD_CLASS, _WORD_CHARACTERS, is_negated=False, is_ascii=False),
    "W": _class(_WORD_CLASS, _WORD_CHARACTERS, is_negated=True, is_ascii=False),
    "s": _class(_CLASSES["space"], _SPACES, is_negated=False, is_ascii=False),
    "S": _class(_CLASSES["space"], _SPACES, is_negated=True, is_ascii=False),
}
_DOT = _Element(".", size=1, is_nullable=False, takes_newline=True)


class _Parser:
    """glibc's grammar for REG_EXTENDED, by recursive descent: one method a production."""

    __slots__ = ("_at", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        if self._at == len(self._text):
            raise FilterNotCompiled("the pattern ends inside brackets, braces or an escape")
        self._at += 1
        return self._text[self._at - 1]

    def _skip(self, character: str) -> bool:
        found = self._next == character
        self._at += found
        return found

    def alternation(self, depth: int) -> _Element:
        branches = [self._branch(depth)]
        while self._skip("|"):
            branches.append(self._branch(depth))
        first = last = 0
        for branch in branches:
            first |= branch[0].first if branch else _ANY
            last |= branch[-1].last if branch else _ANY
        return _Element(
            first=first,
            last=last,
            size=sum(element.size for branch in branches for element in branch),
            is_nullable=any(all(element.is_nullable for element in branch) for branch in branches),
            branches=tuple(branches),
        )

    def _branch(self, depth: int) -> tuple[_Element, ...]:
        elements: list[_Element] = []
        while self._next not in {"", "|"} and not (depth and self._next == ")"):
            element = self._element(depth)
            # An operator behind an anchor begins a new element, which glibc refuses.
            while not element.anchor and self._next in {"*", "+", "?", "{"}:
                element = self._repeated(element)
            elements.append(element)
        return tuple(elements)

    def _element(self, depth: int) -> _Element:
        character = self._take()
        match character:
            case "(":
                return self._group(depth + 1)
            case "[":
                return self._bracket()
            case ".":
                return _DOT
            case "^":
                return _ANCHORS["^"]
            case "$":
                return _ANCHORS["$"]
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                raise FilterNotCompiled(f"there is nothing for {character} to repeat")
        # Braces and round brackets that close nothing are characters.
        return _literal(character)

    def _group(self, depth: int) -> _Element:
        if depth > MAX_DEPTH:
            raise FilterNotCompiled(f"groups nest deeper than {MAX_DEPTH}")
        group = self.alternation(depth)
        if not self._skip(")"):
            raise FilterNotCompiled("a group is not closed")
        return group

    def _escape(self) -> _Element:
        character = self._take()
        if character in "123456789":
            raise FilterNotCompiled("backreferences are not supported: no time bound holds for them")
        if character in "bB<>`'":
            return _ANCHORS[character]
        return _ESCAPED_CLASSES.get(character) or _literal(character)

    def _repeated(self, element: _Element) -> _Element:
        operator = self._take()
        if operator == "{":
            low, high = self._counts()
            operator = f"{{{low}}}" if low == high else f"{{{low},{'' if high is None else high}}}"
        else:
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[operator]
        if high == 0:
            return _Element("(?:)")
        element = replace(
            element,
            size=element.size * max(low, high or 1),
            character=None,
            takes_newline=element.takes_newline and low <= 1,
            is_repeated=element.is_repeated or high != 1,
            # Wrapped always: RE2 would read a second operator as "lazy".
            text=f"(?:{element.text}{operator})",
            operators=(*element.operators, operator),
        )
        return element if low else replace(element, first=_ANY, last=_ANY, is_nullable=True)

    def _counts(self) -> tuple[int, int | None]:
        low = self._number()
        high = low
        if self._skip(","):
            low, high = low or 0, self._number()
        elif low is None:
            raise FilterNotCompiled("there is no count in braces")
        if not self._skip("}"):
            raise FilterNotCompiled("a count in braces is no number, or not closed")
        assert low is not None
        if high is not None and low > high:
            raise FilterNotCompiled("a count in braces ends before it begins")
        if max(low, high or 0) > MAX_COUNT:
            raise FilterNotCompiled(f"a count in braces is over {MAX_COUNT}")
        return low, high

    def _number(self) -> int | None:
        begin = self._at
        while self._next in set("0123456789"):
            self._at += 1
        # Enough digits to tell that it is too much; int() of very many raises.
        return int(self._text[begin : self._at][:12]) if self._at > begin else None

    def _bracket(self) -> _Element:
        is_negated = self._skip("^")
        contents: list[str] = []
        members: set[str] = set()
        single: str | None = None
        is_ascii = is_first = True
        while is_first or self._next != "]":
            if (name := self._class_name()) is not None:
                contents.append(_CLASSES[name])
                members |= _ASCII_OF[name]
                is_ascii = is_ascii and name in {"digit", "xdigit"}
                single = None
            else:
                low, high = self._range(is_first)
                contents.append(_literal(low).text + (f"-{_literal(high).text}" if high != low else ""))
                is_ascii = is_ascii and low.isascii()
                members.update(map(chr, range(ord(low), ord(high) + 1)))
                single = low if is_first and low == high else None
            is_first = False
        self._at += 1
        if single is not None and not is_negated:
            return _literal(single)
        return _class("".join(contents), frozenset(members), is_negated, is_ascii)

    def _class_name(self) -> str | None:
        if not self._text.startswith("[:", self._at):
            return None
        name = self._symbol()
        if name not in _CLASSES:
            raise FilterNotCompiled(f"there is no character class [:{name}:]")
        return name

    def _range(self, is_first: bool) -> tuple[str, str]:
        """One character of a bracket expression as (c, c), or a range."""
        is_equivalence = self._text.startswith("[=", self._at)
        low = self._member(is_first)
        if is_equivalence or self._next != "-" or self._text.startswith("-]", self._at):
            return low, low
        self._at += 1
        if self._text.startswith(("[:", "[="), self._at):
            raise FilterNotCompiled("a range ends in a character class")
        high = self._member(takes_hyphen=True)
        if low > high:
            raise FilterNotCompiled("a range ends before it begins")
        if not high.isascii():
            raise FilterNotCompiled("a range reaches beyond ASCII: there is no order there")
        return low, high

    def _member(self, takes_hyphen: bool) -> str:
        if self._text.startswith(("[.", "[="), self._at):
            name = self._symbol()
            # In the C locales a collating element is one byte.
            if len(name.encode()) != 1:
                raise FilterNotCompiled(f"there is no collating element {name!r}")
            return name
        character = self._take()
        if character == "-" and not takes_hyphen and self._next != "]":
            raise FilterNotCompiled("a hyphen stands between ranges: put it first or last")
        return character

    def _symbol(self) -> str:
        """What stands in ``[:…:]``, ``[.….]`` or ``[=…=]``."""
        closing = self._text[self._at + 1] + "]"
        end = self._text.find(closing, self._at + 2)
        if end < 0:
            raise FilterNotCompiled("the pattern ends inside brackets, braces or an escape")
        name = self._text[self._at + 2 : end]
        self._at = end + 2
        return name
