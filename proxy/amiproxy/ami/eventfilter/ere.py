"""POSIX extended regular expressions, read as glibc reads them.

The grammar is regcomp's with REG_EXTENDED in a UTF-8 locale, without REG_NEWLINE,
including GNU's escapes.  The result is a tree; expression.py makes it runnable.
"""

from dataclasses import replace

from amiproxy.ami.errors import FilterNotCompiled
from amiproxy.ami.eventfilter.element import (
    ANCHORS,
    ANY,
    ASCII_OF,
    CLASSES,
    DOT,
    ESCAPED_CLASSES,
    Element,
    character_class,
    literal,
)

#: Maximum nesting of groups: the parser is recursive, and a pattern must not exhaust the stack.
MAX_DEPTH = 100
#: RE2's own limit for a count in braces; glibc's is 32767.
MAX_COUNT = 1000


def read(pattern: str) -> Element:
    """Parse the pattern into one group.  Raises FilterNotCompiled with the reason."""
    return _Parser(pattern).alternation(0)


class _Parser:
    """glibc's grammar for REG_EXTENDED, by recursive descent: one method per production."""

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

    def alternation(self, depth: int) -> Element:
        branches = [self._branch(depth)]
        while self._skip("|"):
            branches.append(self._branch(depth))
        first = last = 0
        for branch in branches:
            first |= branch[0].first if branch else ANY
            last |= branch[-1].last if branch else ANY
        return Element(
            first=first,
            last=last,
            size=sum(element.size for branch in branches for element in branch),
            is_nullable=any(all(element.is_nullable for element in branch) for branch in branches),
            branches=tuple(branches),
        )

    def _branch(self, depth: int) -> tuple[Element, ...]:
        elements: list[Element] = []
        while self._next not in {"", "|"} and not (depth and self._next == ")"):
            element = self._element(depth)
            # An operator after an anchor begins a new element, which glibc refuses.
            while not element.anchor and self._next in {"*", "+", "?", "{"}:
                element = self._repeated(element)
            elements.append(element)
        return tuple(elements)

    def _element(self, depth: int) -> Element:
        character = self._take()
        match character:
            case "(":
                return self._group(depth + 1)
            case "[":
                return self._bracket()
            case ".":
                return DOT
            case "^":
                return ANCHORS["^"]
            case "$":
                return ANCHORS["$"]
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                raise FilterNotCompiled(f"there is nothing for {character} to repeat")
        # A closing brace or parenthesis without an opening one is an ordinary character.
        return literal(character)

    def _group(self, depth: int) -> Element:
        if depth > MAX_DEPTH:
            raise FilterNotCompiled(f"groups nest deeper than {MAX_DEPTH}")
        group = self.alternation(depth)
        if not self._skip(")"):
            raise FilterNotCompiled("a group is not closed")
        return group

    def _escape(self) -> Element:
        character = self._take()
        if character in "123456789":
            raise FilterNotCompiled("backreferences are not supported: their matching time is unbounded")
        if character in "bB<>`'":
            return ANCHORS[character]
        return ESCAPED_CLASSES.get(character) or literal(character)

    def _repeated(self, element: Element) -> Element:
        operator = self._take()
        if operator == "{":
            low, high = self._counts()
            operator = f"{{{low}}}" if low == high else f"{{{low},{'' if high is None else high}}}"
        else:
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[operator]
        if high == 0:
            return Element("(?:)")
        element = replace(
            element,
            size=element.size * max(low, high or 1),
            character=None,
            takes_newline=element.takes_newline and low <= 1,
            is_repeated=element.is_repeated or high != 1,
            # Always wrapped in a group: RE2 would read a second operator as "lazy".
            text=f"(?:{element.text}{operator})",
            operators=(*element.operators, operator),
        )
        return element if low else replace(element, first=ANY, last=ANY, is_nullable=True)

    def _counts(self) -> tuple[int, int | None]:
        low = self._number()
        high = low
        if self._skip(","):
            low, high = low or 0, self._number()
        elif low is None:
            raise FilterNotCompiled("a count in braces is missing")
        if not self._skip("}"):
            raise FilterNotCompiled("a count in braces is not a number, or not closed")
        assert low is not None
        if high is not None and low > high:
            raise FilterNotCompiled("a count in braces has a minimum above its maximum")
        if max(low, high or 0) > MAX_COUNT:
            raise FilterNotCompiled(f"a count in braces is over {MAX_COUNT}")
        return low, high

    def _number(self) -> int | None:
        begin = self._at
        while self._next in set("0123456789"):
            self._at += 1
        # 12 digits are enough to see that a count is too large; int() of very many digits raises.
        return int(self._text[begin : self._at][:12]) if self._at > begin else None

    def _bracket(self) -> Element:
        is_negated = self._skip("^")
        contents: list[str] = []
        members: set[str] = set()
        single: str | None = None
        is_ascii = is_first = True
        while is_first or self._next != "]":
            if (name := self._class_name()) is not None:
                contents.append(CLASSES[name])
                members |= ASCII_OF[name]
                is_ascii = is_ascii and name in {"digit", "xdigit"}
                single = None
            else:
                low, high = self._range(is_first)
                contents.append(literal(low).text + (f"-{literal(high).text}" if high != low else ""))
                is_ascii = is_ascii and low.isascii()
                members.update(map(chr, range(ord(low), ord(high) + 1)))
                single = low if is_first and low == high else None
            is_first = False
        self._at += 1
        if single is not None and not is_negated:
            return literal(single)
        return character_class("".join(contents), frozenset(members), is_negated, is_ascii)

    def _class_name(self) -> str | None:
        if not self._text.startswith("[:", self._at):
            return None
        name = self._symbol()
        if name not in CLASSES:
            raise FilterNotCompiled(f"unknown character class [:{name}:]")
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
            raise FilterNotCompiled("a range reaches beyond ASCII, where characters have no defined order")
        return low, high

    def _member(self, takes_hyphen: bool) -> str:
        if self._text.startswith(("[.", "[="), self._at):
            name = self._symbol()
            # In the C locales a collating element is one byte.
            if len(name.encode()) != 1:
                raise FilterNotCompiled(f"unknown collating element {name!r}")
            return name
        character = self._take()
        if character == "-" and not takes_hyphen and self._next != "]":
            raise FilterNotCompiled("a hyphen stands between ranges: put it first or last")
        return character

    def _symbol(self) -> str:
        """The name inside ``[:…:]``, ``[.….]`` or ``[=…=]``."""
        closing = self._text[self._at + 1] + "]"
        end = self._text.find(closing, self._at + 2)
        if end < 0:
            raise FilterNotCompiled("the pattern ends inside brackets, braces or an escape")
        name = self._text[self._at + 2 : end]
        self._at = end + 2
        return name
