"""Wildcards: names in which ``*`` stands for any run of characters, compiled once, matched in linear time."""

# mypyc: compiled

from functools import lru_cache
from typing import Any

import re2

#: What ``*`` matches in a channel: it must not extend to another technology, host or destination.
_IN_CHANNEL = r"[^/@&,|]*"
_ANYTHING = r".*"


def matches(names: tuple[str, ...], value: bytes) -> bool:
    """Whether one of the names matches the value, case-sensitively; ``*`` is any run of characters."""
    return _compiled(names, _ANYTHING, True).fullmatch(value) is not None


def matches_any_case(names: tuple[str, ...], value: bytes) -> bool:
    """Whether one of the names matches the value, ignoring ASCII case."""
    return _compiled(names, _ANYTHING, False).fullmatch(value) is not None


def matches_channel(names: tuple[str, ...], value: bytes) -> bool:
    """Whether one of the names matches a device such as ``PJSIP/100``; the technology's case is ignored."""
    technology, slash, device = value.partition(b"/")
    listed = tuple(_with_upper_technology(name) for name in names)
    return _compiled(listed, _IN_CHANNEL, True).fullmatch(technology.upper() + slash + device) is not None


@lru_cache(maxsize=4096)
def pattern(text: str) -> Any:
    """A pattern of the user's rules, compiled; its ``fullmatch`` takes bytes and runs in linear time.

    Raises re2.error for a pattern that is not valid; those of a loaded configuration are.
    """
    return re2.compile(text.encode())


@lru_cache(maxsize=4096)
def _compiled(names: tuple[str, ...], star: str, case_sensitive: bool) -> Any:
    options = re2.Options()
    options.case_sensitive = case_sensitive
    alternatives = (star.join(re2.escape(part) for part in name.split("*")) for name in names)
    # An empty alternation would match the empty value, but without names nothing may match.
    text = "|".join(alternatives) if names else "[^\\x00-\\x{10FFFF}]"
    return re2.compile(text.encode(), options)


def _with_upper_technology(name: str) -> str:
    technology, slash, device = name.partition("/")
    return technology.upper() + slash + device
