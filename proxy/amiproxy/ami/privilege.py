"""Privilege classes: the bits of manager.conf's read and write lines.

Names and bits are Asterisk's (include/asterisk/manager.h).  Reading an event takes
*all* of its classes, running an action *any* of its classes.  Class lists written
by operators are parsed strictly: Asterisk's own parser grants everything for
``call,,dtmf`` and drops a class after a blank.
"""

# mypyc: compiled

from typing import Final

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.ami.values import ast_false, ast_true

_BITS: Final = {
    b"system": 1 << 0,
    b"call": 1 << 1,
    b"log": 1 << 2,
    b"verbose": 1 << 3,
    b"command": 1 << 4,
    b"agent": 1 << 5,
    b"user": 1 << 6,
    b"config": 1 << 7,
    b"dtmf": 1 << 8,
    b"reporting": 1 << 9,
    b"cdr": 1 << 10,
    b"dialplan": 1 << 11,
    b"originate": 1 << 12,
    b"agi": 1 << 13,
    b"cc": 1 << 15,
    b"aoc": 1 << 16,
    b"test": 1 << 17,
    b"security": 1 << 18,
    b"message": 1 << 30,
}
SYSTEM: Final = _BITS[b"system"]
CALL: Final = _BITS[b"call"]
COMMAND: Final = _BITS[b"command"]
AGENT: Final = _BITS[b"agent"]
USER: Final = _BITS[b"user"]
CONFIG: Final = _BITS[b"config"]
REPORTING: Final = _BITS[b"reporting"]
ORIGINATE: Final = _BITS[b"originate"]
AGI: Final = _BITS[b"agi"]
SECURITY: Final = _BITS[b"security"]

#: Every bit, named or not: what ``all`` grants.
ALL: Final = 0x7FFFFFFF
NONE: Final = 0
#: Stands for any class that is not in this table: only users who read ``all`` have the bit.
UNKNOWN: Final = 1 << 29

CLASS_NAMES: Final = tuple(name.decode() for name in _BITS)

# strings_to_mask in Asterisk's manager.c walks a table that includes these two pseudo classes.
_MASK_WORDS: Final = {**_BITS, b"all": ALL, b"none": 0}


def parse_classes(text: str) -> int:
    """Mask of a list such as ``call, agent``; ``all``, ``none`` and the empty text are accepted too.

    Classes are in lower case; blanks around them are ignored.  Raises UnknownPrivilege, which names the wrong
    word.
    """
    if not text.strip():
        return NONE
    mask = NONE
    for word in text.split(","):
        name = word.strip()
        if name == "all":
            mask |= ALL
        elif name != "none":
            if name.encode() not in _BITS:
                raise UnknownPrivilege(f"{name!r} is not a privilege class")
            mask |= _BITS[name.encode()]
    return mask


def class_names(mask: int) -> str:
    """The mask as manager.conf would spell it: ``all``, ``none`` or a comma list."""
    if mask & ALL == ALL:
        return "all"
    return ",".join(name.decode() for name, bit in _BITS.items() if mask & bit) or "none"


def required_classes(privilege: bytes) -> int:
    """Mask of the classes in an event's ``Privilege`` value; ``all``, which ends the list, is ignored.

    An unknown word, ``<none>`` or a list without any class gives UNKNOWN, which only users who read
    ``all`` have.
    """
    mask = NONE
    for word in privilege.split(b","):
        if word != b"all":
            mask |= _BITS.get(word, UNKNOWN)
    return mask or UNKNOWN


def action_classes(privilege: bytes) -> int:
    """Mask of the ``(Priv: …)`` text of ListCommands; ``<none>`` is 0."""
    return NONE if privilege == b"<none>" else required_classes(privilege)


def may_read(mask: int, required: int) -> bool:
    """Whether a user with this read mask may see an event that needs ``required``: every class of it."""
    return required & mask == required


def may_write(mask: int, classes: int) -> bool:
    """Whether a user with this write mask may run an action of these classes: any one is enough.

    NONE stands for an action that every user may run.
    """
    return classes == NONE or bool(mask & classes)


def parse_event_mask(text: bytes) -> int | None:
    """Mask that ``EventMask`` or Login's ``Events`` asks for, as Asterisk reads it (manager.c).

    ``text`` is the header's value as sent: a number, a word for yes or no, or a comma list of classes.  None
    means "Invalid event mask".  Asterisk's quirks are copied on purpose: a mask can only narrow what the user
    may read, and clients rely on On/Off.
    """
    if not text:
        return None
    if text.isdigit():
        number = min(int(text), (1 << 63) - 1) & 0xFFFFFFFF
        return None if number == 0xFFFFFFFF else number
    if ast_false(text):
        return NONE
    if ast_true(text):
        return ALL
    mask = NONE
    for name, bits in _MASK_WORDS.items():
        if _in_list(text, name):
            mask |= bits
    return mask


def _in_list(text: bytes, name: bytes) -> bool:
    # ast_instring: a token before a comma matches every name that it is a prefix of; the last token must
    # match exactly.
    *tokens, last = text.split(b",")
    return name == last or any(name.startswith(token) for token in tokens)
