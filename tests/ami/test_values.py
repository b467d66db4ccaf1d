"""Words and integers, parsed as Asterisk and the C library do."""

import ctypes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amiproxy.ami.values import ast_false, ast_true, c_int, c_int_any_base, c_unsigned_at_most


@pytest.mark.parametrize("word", ["yes", "true", "y", "t", "1", "on"])
def test_words_for_yes_are_true(word):
    for spelling in (word, word.upper(), word.title()):
        assert ast_true(spelling)
        assert ast_true(spelling.encode())
        assert not ast_false(spelling)


@pytest.mark.parametrize("word", ["no", "false", "n", "f", "0", "off"])
def test_words_for_no_are_false(word):
    for spelling in (word, word.upper(), word.title()):
        assert ast_false(spelling)
        assert ast_false(spelling.encode())
        assert not ast_true(spelling)


@pytest.mark.parametrize("word", ["", " yes", "yes ", "yess", "2", "01", "enabled", "o\udcff", "\u212a"])
def test_other_words_are_neither(word):
    assert not ast_true(word)
    assert not ast_false(word)


_LIBC = ctypes.CDLL(None)
_NUMBERS = st.one_of(
    st.text("0123456789+-xXabfg \t\v\f.", max_size=35).map(str.encode),
    st.integers(-(2**70), 2**70).map(lambda number: b"%d" % number),
    st.integers(0, 2**70).map(lambda number: b"0x%x" % number),
    st.integers(0, 2**70).map(lambda number: b"0%o" % number),
)


def scanf(text: bytes, format_: bytes) -> int | None:
    found = ctypes.c_int(0)
    return found.value if _LIBC.sscanf(text, format_, ctypes.byref(found)) == 1 else None


@given(_NUMBERS)
@example(b"\n\r 7")
@example(b"2147483648")
@example(b"99999999999999999999")
@example(b"-99999999999999999999")
@example(b"0" * 29 + b"12")
def test_decimal_integers_are_parsed_as_by_scanf(text):
    assert c_int(text) == scanf(text, b"%30d")


@given(_NUMBERS)
@example(b"0x10")
@example(b"-0X1f")
@example(b"010")
@example(b"08")
@example(b"0")
@example(b"0" * 29 + b"12")
def test_integers_of_any_base_are_parsed_as_by_scanf(text):
    expected = scanf(text, b"%30i")
    # Versions of the C library differ about a lone 0x.
    if expected is not None or not text.lstrip(b" \t\v\f+-").lower().startswith(b"0x"):
        assert c_int_any_base(text) == expected


@given(_NUMBERS)
@example(b"-1")
@example(b"+7")
@example(b"4294967295")
@example(b"4294967296")
@example(b"0" * 29 + b"12")
def test_unsigned_integers_are_never_taken_for_smaller(text):
    expected, most = scanf(text, b"%30u"), c_unsigned_at_most(text)
    if expected is None:
        assert most is None
    elif most != 2**32 - 1:
        assert most == expected % 2**32


def test_negative_and_too_large_numbers_are_the_largest():
    assert [c_unsigned_at_most(text) for text in (b"-0", b"-1", b"4294967296", b"9" * 40)] == [2**32 - 1] * 4
    assert c_unsigned_at_most(b" 250ms") == 250
