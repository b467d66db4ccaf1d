"""Regular expressions that Asterisk compiles: which ones stay small in glibc's regcomp, and which do not."""

from types import SimpleNamespace

import pytest

from amiproxy.ami.privilege import ALL, CALL
from amiproxy.core.policy.kinds.patterns import MAX_PATTERN, NEEDS_SYSTEM, UNBOUNDED, bounded

SYSTEM_USER = SimpleNamespace(write=ALL, rules=None)
OTHER_USER = SimpleNamespace(write=CALL, rules=None)


@pytest.mark.parametrize(
    "pattern",
    [
        b"",
        b"^PJSIP/1[0-9]+-",
        b"(sales|support).*",
        b"a?b*c+",
        b"[[:alpha:]]+",
        rb"\.conf$",
        b"x" * MAX_PATTERN,
        b"(a?)*" * 50,
    ],
)
def test_a_bounded_pattern_is_allowed_with_class_system(pattern: bytes) -> None:
    assert bounded(SYSTEM_USER, pattern) is None
    assert bounded(OTHER_USER, pattern) == NEEDS_SYSTEM


@pytest.mark.parametrize(
    "pattern",
    [
        b"a{0,8000}",
        b"a{2}",
        b"a++",
        b"a*+",
        b"a?+",
        b"((a)+)+",
        b"((a+)+)+",
        rb"(a)\1",
        b"x" * (MAX_PATTERN + 1),
    ],
)
def test_an_unbounded_pattern_is_refused(pattern: bytes) -> None:
    assert bounded(SYSTEM_USER, pattern) == UNBOUNDED
