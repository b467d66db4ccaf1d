"""Regular expressions that Asterisk compiles: which stay small in glibc's regcomp, and which do not."""

import pytest

from proxy.core.policy.patterns import MAX_LENGTH, is_bounded


@pytest.mark.parametrize(
    "pattern",
    [
        b"",
        b"^PJSIP/1[0-9]+-",
        b"(sales|support).*",
        b"a?b*c+",
        b"[[:alpha:]]+",
        rb"\.conf$",
        b"x" * MAX_LENGTH,
        b"(a?)*" * 50,
    ],
)
def test_it_may_be_sent(pattern: bytes) -> None:
    assert is_bounded(pattern)


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
        b"x" * (MAX_LENGTH + 1),
    ],
)
def test_it_may_not(pattern: bytes) -> None:
    assert not is_bounded(pattern)
