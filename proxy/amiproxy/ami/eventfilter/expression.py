"""Runnable patterns: glibc's regular expressions translated into RE2's syntax.

glibc's matcher backtracks, and its time is unbounded; RE2's time is bounded by the
length of the text times the size of the pattern.  So the parsed pattern is written
out again for RE2, with every construct explicit.  The result says only whether the
pattern matches, not where: Asterisk uses no more than that.

``^`` and ``$`` behave as in glibc's matcher, not as in its manual: at the ends of
the pattern they stand for the ends of the text, but ``^`` also matches after a line
end that the pattern itself has matched, and ``$`` before one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import re2

from amiproxy.ami.errors import FilterNotCompiled
from amiproxy.ami.eventfilter import ere
from amiproxy.ami.eventfilter.element import OTHER, WORD, Element

#: Bytes that RE2 may use for one pattern, program and automaton together.  Filters of
#: everyday size take a few KiB; ``\w`` alone takes 20 KiB, because of Unicode.
MAX_MEMORY = 2 << 20

# RE2 refuses an empty class, but not the complement of everything.
_NEVER = r"[^\x00-\x{10ffff}]"

# How much of the text a match has consumed on one side of an anchor.  STUCK is a "maybe" that stays
# one even if the next element could match a line end.
_NOTHING, _MAYBE, _STUCK, _SURELY = range(4)


@dataclass(frozen=True, slots=True)
class Expression:
    """A runnable pattern.

    A pattern without special characters, except ``^`` at its start and ``$`` at its
    end, is given by ``literal`` with ``at_start`` and ``at_end``; otherwise ``literal``
    is None and ``re2`` is the pattern for the engine.  ``needle``: bytes that every match
    contains (b"" if none are known).  ``size``: number of characters that it matches one
    after the other, with counts multiplied out; RE2's time is at worst proportional to it.
    """

    re2: str
    size: int
    needle: bytes
    literal: bytes | None
    at_start: bool
    at_end: bool

    def search(self) -> Callable[[bytes], object]:
        """The compiled search function: truthy for a text in which the pattern matches."""
        search: Callable[[bytes], object] = _compiled(self.re2).search
        return search


def parse(pattern: bytes, limit: int | None) -> Expression:
    """Parse a pattern as glibc does.  ``limit`` is the maximum of its bytes and its ``size``; None: no limit.

    Raises FilterNotCompiled with the reason.
    """
    check_text(pattern, limit)
    try:
        text = pattern.decode()
    except UnicodeDecodeError:
        raise FilterNotCompiled("the pattern is not UTF-8 text") from None
    whole = ere.read(text)
    if limit is not None and whole.size > limit:
        raise FilterNotCompiled(f"the pattern's counts multiply out to more than {limit} characters")
    expression = _expression(whole)
    if expression.literal is None:
        _compiled(expression.re2)
    return expression


def check_text(pattern: bytes, limit: int | None) -> None:
    """Check what holds for every pattern, regular expression or not.  Raises FilterNotCompiled.

    ``limit`` is the maximum of its bytes; None: no limit.
    """
    if limit is not None and len(pattern) > limit:
        raise FilterNotCompiled(f"the pattern is longer than {limit} bytes")
    if b"\0" in pattern:
        raise FilterNotCompiled("the pattern contains a NUL byte")


def _compiled(pattern: str) -> "re2._Regexp":
    # re2.compile caches its latest results, so sessions with the same filter share one program.
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    options.never_capture = True
    options.dot_nl = True
    try:
        # Compiled from bytes: the wrapper would otherwise decode every text that it searches.
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        raise FilterNotCompiled(f"the pattern is too large to run in bounded time ({reason})") from None


def _expression(whole: Element) -> Expression:
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


def _written(element: Element, before: int, after: int) -> str:
    """An element in RE2's syntax, given how much the match has consumed before and after it."""
    if not element.branches:
        return element.text
    if element.is_repeated:
        if _has_text_edge(element):
            # glibc copies a repeated element, and its matcher accepts some of the copied anchors anywhere.
            raise FilterNotCompiled("^ or $ is not supported between repetitions")
        before, after = max(before, _STUCK), max(after, _STUCK)
    text = "(?:" + "|".join(_branch_written(branch, before, after) for branch in element.branches) + ")"
    for operator in element.operators:
        text = f"(?:{text}{operator})"
    return text


def _has_text_edge(element: Element) -> bool:
    return element.anchor in {"^", "$"} or any(
        _has_text_edge(inner) for branch in element.branches for inner in branch
    )


def _branch_written(branch: tuple[Element, ...], before: int, after: int) -> str:
    afters = [after]
    for element in reversed(branch[1:]):
        afters.append(_taken(afters[-1], element))
    edges = [Element(), *branch, Element()]
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


def _taken(so_far: int, element: Element) -> int:
    if element.anchor in {"^", "$"}:
        return so_far
    if not element.is_nullable:
        return _SURELY
    if so_far >= _STUCK:
        return so_far
    if element.anchor:
        return _STUCK
    # If it matched nothing next to a line end, it could just as well have matched that line end.
    return _SURELY if element.takes_newline else _MAYBE


def _text_edge(anchor: str, edge: str, taken: int) -> str:
    if taken == _NOTHING:
        return edge
    if taken == _SURELY:
        return f"(?m:{anchor})"
    raise FilterNotCompiled(f"{anchor} is not supported beside an element that may match nothing")


def _word_edge(anchor: str, before: int, after: int) -> str:
    """RE2 lacks ``\\<`` and ``\\>``, but they equal ``\\b`` where the kind of one side is known."""
    inside, outside = (after, before) if anchor == "<" else (before, after)
    if inside == WORD or outside == OTHER:
        return r"\b"
    if inside == OTHER or outside == WORD:
        return _NEVER
    raise FilterNotCompiled(f"\\{anchor} is not supported between these characters: use \\b")
