"""Values as Asterisk reads them: its words for yes and no, and the integers of C's scanf.

The words are those of ``ast_true`` and ``ast_false`` (main/utils.c, the same in
Asterisk 13 to 22), ignoring case.  For other words both functions here return
False: how Asterisk treats them differs from header to header.
"""

# mypyc: compiled

import re
from typing import Final

_TRUE: Final = frozenset({b"yes", b"true", b"y", b"t", b"1", b"on"})
_FALSE: Final = frozenset({b"no", b"false", b"n", b"f", b"0", b"off"})

# scanf skips white space first and reads 30 characters, the field width in all of Asterisk's formats.
_DECIMAL: Final = re.compile(rb"[ \t\n\v\f\r]*(?=[+-]?[0-9])(.{1,30})", re.DOTALL)
_SIGNED: Final = re.compile(rb"([+-]?)([0-9]+)")
_PREFIXED: Final = re.compile(rb"([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_LONG_MAX: Final = 2**63 - 1
_UNSIGNED_MAX: Final = 2**32 - 1


def ast_true(text: bytes | str) -> bool:
    """Whether Asterisk takes the text for yes."""
    return _word(text) in _TRUE


def ast_false(text: bytes | str) -> bool:
    """Whether Asterisk takes the text for no."""
    return _word(text) in _FALSE


def _word(text: bytes | str) -> bytes:
    word = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return word.lower()


def c_int(text: bytes) -> int | None:
    """The int at the beginning of the text, as C's ``%30d`` reads it; None if there is no number."""
    found = _DECIMAL.match(text)
    number = _SIGNED.match(found[1]) if found else None
    return _as_int(number[1], int(number[2])) if number else None


def c_int_any_base(text: bytes) -> int | None:
    """The same by ``%30i``: ``0x`` begins a hexadecimal number and ``0`` an octal one; None without one."""
    found = _DECIMAL.match(text)
    number = _PREFIXED.match(found[1]) if found else None
    if number is None:
        return None
    digits = number[2]
    base = 16 if digits[:2].lower() == b"0x" else 8 if digits.startswith(b"0") else 10
    return _as_int(number[1], int(digits, base))


def c_unsigned_at_most(text: bytes) -> int | None:
    """The largest number as which ``%30u`` may read the beginning of the text; None if there is no number.

    ``%u`` accepts a minus sign, too.  What is negative or too large wraps around in a machine-dependent
    way, so it counts as the largest number.
    """
    found = _DECIMAL.match(text)
    number = _SIGNED.match(found[1]) if found else None
    if number is None:
        return None
    return _UNSIGNED_MAX if number[1] == b"-" else min(int(number[2]), _UNSIGNED_MAX)


def _as_int(sign: bytes, size: int) -> int:
    # glibc reads a long, clamped to its range, and stores its low 32 bits as the int.
    number = -min(size, _LONG_MAX + 1) if sign == b"-" else min(size, _LONG_MAX)
    return (number + 0x80000000) % 0x100000000 - 0x80000000
