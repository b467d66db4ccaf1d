"""Event filters as Asterisk's manager.c evaluates them: one eventfilter line, and several together.

Source: manager.c of Asterisk 22 (manager_add_filter, should_send_event), measured
by tests/asterisk.  Older versions support the legacy form only.
"""

import re
from collections.abc import Callable
from typing import Final

from amiproxy.ami.errors import FilterMalformed
from amiproxy.ami.eventfilter.expression import Expression, check_text, parse

#: Limit for patterns that clients send: bytes, and characters matched one after the other.
CLIENT_LIMIT = 256

METHODS: Final = ("regex", "exact", "starts_with", "ends_with", "contains", "none")

_SEPARATORS = re.compile(rb"[ ,)]+")
_UNSPEAKABLE = re.compile(rb"[\x00\r\n]")
# What Asterisk treats as blank: every byte below 33 (a C string cannot contain NUL).
_BLANKS = bytes(range(1, 33))

_Test = Callable[[bytes], object]


class EventFilter:
    """One filter, made by ``compile_legacy``, ``compile_advanced`` or ``from_mapping``.

    Filters are equal if they are known to mean the same, however spelled.
    ``exclude`` is True for a filter that drops what it matches; ``matches`` takes an
    event as it is sent, including the blank line.  ``cost`` bounds the time of a regular
    expression: at worst about ``cost`` times 10 ns per byte; 0 for other filters.
    ``str`` gives the equivalent line of manager.conf.
    """

    __slots__ = ("_hash", "_key", "_line", "cost", "exclude", "matches")

    def __init__(
        self,
        line: str,
        exclude: bool,
        name: bytes,
        header: bytes,
        method: str,
        pattern: bytes,
        limit: int | None,
    ) -> None:
        method, operand, test, cost = _compile_test(method, pattern, limit)
        if header:
            test = _on_header(header, test)
        if name:
            test = _on_event(name, test)
        self._line = line
        self.exclude = exclude
        self.cost = cost
        self.matches: _Test = test
        self._key = (exclude, name, header, method, operand)
        self._hash = hash(self._key)

    def matches_named(self, name: bytes) -> bool | None:
        """True if it matches every event of this name, False if none; None if that depends on the event.

        ``name``: as Asterisk spells it.
        """
        _, own, header, method, operand = self._key
        if own and own != name:
            return False
        if header:
            return None
        first_line = b"Event: " + name + b"\r\n"
        if method == "starts_with" and not operand.startswith(first_line):
            return first_line.startswith(operand)
        return True if method == "none" or (method == "contains" and operand in first_line) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventFilter) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self._line

    def __repr__(self) -> str:
        return f"<EventFilter {self._line}>"


class FilterSet:
    """Filters that apply together.  Sets are equal if they have the same filters in any order.

    ``filters`` are the user's; ``added`` are those that the session has added, and can only narrow what
    ``filters`` let through.  In Asterisk, in contrast, an added include re-opens events that the user's own
    includes hold back.
    """

    __slots__ = ("_excludes", "_hash", "_includes", "_key", "_more", "added", "filters")

    def __init__(self, filters: tuple[EventFilter, ...] = (), added: tuple[EventFilter, ...] = ()) -> None:
        self.filters = tuple(dict.fromkeys(filters))
        self.added = tuple(dict.fromkeys(added))
        both = (*self.filters, *self.added)
        groups = [tuple(rule for rule in group if not rule.exclude) for group in (self.filters, self.added)]
        # Each group has to let an event through; most sets have at most one group.
        groups.sort(key=len, reverse=True)
        self._includes, self._more = (tuple(rule.matches for rule in group) for group in groups)
        self._excludes = tuple(rule.matches for rule in both if rule.exclude)
        self._key = (
            frozenset(rule for rule in both if rule.exclude),
            frozenset(frozenset(group) for group in groups if group),
        )
        self._hash = hash(self._key)

    def admits(self, raw: bytes) -> bool:
        """Whether an event passes: no exclude matches, and in each group with includes, one of them does.

        ``raw``: the event as it is sent, including the blank line.
        """
        for matches in self._excludes:
            if matches(raw):
                return False
        if not self._includes:
            return True
        if self._more and not any(matches(raw) for matches in self._more):
            return False
        for matches in self._includes:  # noqa: SIM110 - any() makes a generator for every event
            if matches(raw):
                return True
        return False

    def admits_named(self, name: bytes) -> bool | None:
        """True if every event of this name passes, False if none does; None if that depends on the event."""
        excludes = {rule.matches_named(name) for rule in (*self.filters, *self.added) if rule.exclude}
        included = [
            {rule.matches_named(name) for rule in group if not rule.exclude} or {True}
            for group in (self.filters, self.added)
        ]
        if True in excludes or {False} in included:
            return False
        return True if all(True in group for group in included) and None not in excludes else None

    def with_added(self, added: EventFilter) -> "FilterSet":
        """This set with one more filter of the session; filters are never removed."""
        return FilterSet(self.filters, (*self.added, added))

    @property
    def cost(self) -> int:
        """The sum of the filters' costs; see EventFilter for the unit."""
        return sum(rule.cost for rule in (*self.filters, *self.added))

    def __len__(self) -> int:
        return len(self.filters) + len(self.added)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FilterSet) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<FilterSet {'; '.join(map(str, (*self.filters, *self.added)))}>"


def compile_legacy(pattern: bytes, limit: int | None = CLIENT_LIMIT) -> EventFilter:
    """``eventfilter = [!]pattern``, or a Filter action without MatchCriteria (or with an empty one).

    ``limit`` is the maximum of the pattern's bytes and of its ``size`` (see Expression); None: no limit, for
    filters of the operator.  Raises FilterMalformed for an empty pattern, FilterNotCompiled for one that does
    not compile or is over ``limit``.
    """
    bare = pattern.removeprefix(b"!")
    if not bare:
        raise FilterMalformed("the pattern is empty")
    line = "eventfilter = " + _shown(pattern)
    return EventFilter(line, bare != pattern, b"", b"", "regex", bare, limit)


def compile_advanced(criteria: bytes, pattern: bytes, limit: int | None = CLIENT_LIMIT) -> EventFilter:
    """``eventfilter(criteria) = pattern``, or a Filter action with MatchCriteria.

    Parsed as Asterisk does: only the beginning of each word and what follows its
    first ``(`` count; of a repeated word the last one applies.  Raises the same errors
    as compile_legacy, and FilterMalformed for criteria that do not parse or are empty.
    """
    words: dict[str, bytes] = {}
    for option in filter(None, _SEPARATORS.split(criteria)):
        word = next(
            (word for word in ("action", "name", "header", "method") if option.startswith(word.encode())),
            None,
        )
        if word is None:
            raise FilterMalformed(f"{_shown(option)} is none of action(), name(), header() and method()")
        words[word] = _value(word, option)
    return _advanced(words, pattern, f"eventfilter({_shown(criteria)}) = {_shown(pattern)}", limit)


def from_mapping(
    *,
    action: str | None = None,
    name: str | None = None,
    header: str | None = None,
    method: str | None = None,
    match: str | None = None,
    limit: int | None = None,
) -> EventFilter:
    """The advanced form as users.yaml has it; None means "not given", and text becomes UTF-8.

    Raises the same errors as compile_advanced.  What Asterisk's own form cannot express
    (a blank or a comma in a name) is refused rather than given a meaning of our own.
    """
    given = {"action": action, "name": name, "header": header, "method": method}
    words = {word: value.encode() for word, value in given.items() if value is not None}
    for word, value in words.items():
        if not value or _SEPARATORS.search(value) or value.strip(_BLANKS) != value:
            raise FilterMalformed(f"{word} is empty or contains a blank, a comma or a closing bracket")
    pattern = (match or "").encode()
    criteria = ",".join(f"{word}({value.decode()})" for word, value in words.items())
    return _advanced(words, pattern, f"eventfilter({criteria}) = {_shown(pattern)}", limit)


def _value(word: str, option: bytes) -> bytes:
    _, bracket, value = option.partition(b"(")
    # Asterisk crashes if the bracket after name, header or method is missing.
    if not bracket or not value:
        raise FilterMalformed(f"{word} is not followed by a value in brackets")
    # Only trailing blanks are stripped, and not if the value consists of blanks only.
    return value.rstrip(_BLANKS) or value


def _advanced(words: dict[str, bytes], pattern: bytes, line: str, limit: int | None) -> EventFilter:
    if not words:
        raise FilterMalformed("none of action, name, header and method is given")
    bare = pattern.removeprefix(b"!")
    action = _chosen("action", words.get("action"), ("include", "exclude")) or (
        "exclude" if bare != pattern else "include"
    )
    method = _chosen("method", words.get("method"), METHODS) or "none"
    name, header = words.get("name", b""), words.get("header", b"")
    if _UNSPEAKABLE.search(name + header):
        raise FilterMalformed("a name or header contains NUL or a line end")
    if method == "none" and bare:
        raise FilterMalformed("a pattern needs a method other than none")
    if method != "none" and not bare:
        raise FilterMalformed(f"method {method} needs a pattern")
    if method == "none" and not name and not header:
        raise FilterMalformed("without a pattern, a name or a header is needed")
    if header and not header.endswith(b":"):
        header += b":"
    return EventFilter(line, action == "exclude", name, header, method, bare, limit)


def _chosen(word: str, value: bytes | None, choices: tuple[str, ...]) -> str | None:
    if value is None:
        return None
    for choice in choices:
        if value == choice.encode():
            return choice
    raise FilterMalformed(f"{word} is none of {', '.join(choices)}")


def _compile_test(method: str, pattern: bytes, limit: int | None) -> tuple[str, bytes, _Test, int]:
    """The test on a text with its simplest equivalent description: (method, operand, test, cost)."""
    if method == "regex":
        expression = parse(pattern, limit)
        if expression.literal is None:
            return method, expression.re2.encode(), _searching(expression), expression.size
        pattern = expression.literal
        method = {
            (False, False): "contains",
            (True, False): "starts_with",
            (False, True): "ends_with",
            (True, True): "exact",
        }[expression.at_start, expression.at_end]
    else:
        check_text(pattern, limit)
    return method, pattern, _TESTS[method](pattern), 0


def _searching(expression: Expression) -> _Test:
    search, needle = expression.search(), expression.needle
    if not needle:
        return search
    # Most events do not contain the needle, and looking for it costs a tenth of a search.
    return lambda text: needle in text and search(text)


_TESTS: Final[dict[str, Callable[[bytes], _Test]]] = {
    "exact": lambda pattern: lambda text: text == pattern,
    "starts_with": lambda pattern: lambda text: text.startswith(pattern),
    "ends_with": lambda pattern: lambda text: text.endswith(pattern),
    "contains": lambda pattern: lambda text: pattern in text,
    "none": lambda _: lambda _: True,
}


def _on_event(name: bytes, test: _Test) -> _Test:
    first_line = b"Event: " + name + b"\r\n"
    return lambda raw: raw.startswith(first_line) and test(raw)


def _on_header(header: bytes, test: _Test) -> _Test:
    at_line, length = b"\n" + header, len(header)

    def matches(raw: bytes) -> bool:
        text = b"\n" + raw + b"\n"
        at = text.find(at_line)
        while at >= 0:
            end = text.find(b"\n", at + 1)
            value = text[at + length + 1 : end].removesuffix(b"\r").lstrip(_BLANKS)
            if value and test(value):
                return True
            at = text.find(at_line, end)
        return False

    return matches


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")
