"""Reads manager.conf's class lists: the classes written, those Asterisk grants, those to import.

Asterisk's own reading has quirks that grant too much (``c,dtmf`` grants every class
that begins with c; an empty word grants all) or too little (a class after a blank is
lost).  They are reported, not copied: a class is imported if it is written out *and*
Asterisk grants it today.
"""

from typing import Final, NamedTuple

from amiproxy.ami.privilege import CLASS_NAMES

_EVERYTHING: Final = "all"
_NOTHING: Final = "none"


class ClassList(NamedTuple):
    """The classes to import, and one sentence about each difference."""

    classes: str | list[str]
    remarks: tuple[str, ...]


def read_classes(value: str) -> ClassList:
    """Read the value of a ``read`` or ``write`` line."""
    granted = _granted(value)
    words = value.split(",") if value else []
    if _EVERYTHING in granted and _EVERYTHING in (word.strip() for word in words):
        return ClassList(_EVERYTHING, ())
    remarks = []
    kept: list[str] = []
    for word in words:
        name = word.strip()
        if name in kept or name in (_NOTHING, _EVERYTHING):
            continue
        if name not in CLASS_NAMES:
            remarks.append(_unknown(name))
        elif name in granted or _EVERYTHING in granted:
            kept.append(name)
        else:
            remarks.append(f"{name} is next to a blank, so Asterisk does not grant it: not imported")
    surplus = sorted(set(CLASS_NAMES) - set(kept)) if _EVERYTHING in granted else sorted(granted - set(kept))
    surplus = [name for name in surplus if name not in (_NOTHING, _EVERYTHING)]
    if surplus:
        what = "every class" if _EVERYTHING in granted else ", ".join(surplus)
        remarks.append(f"Asterisk reads this line as granting {what}, which is not written out: not imported")
    return ClassList(kept, tuple(remarks))


def _unknown(name: str) -> str:
    if not name:
        return "the list has an empty word"
    if name.lower() in CLASS_NAMES:
        return f"{name} is not a class: Asterisk accepts lower case only"
    return f"{name} is not a class"


def _granted(value: str) -> set[str]:
    """Names that Asterisk's get_perm finds in the list: a word before a comma matches as a prefix."""
    *words, last = value.split(",")
    return {
        name
        for name in (*CLASS_NAMES, _EVERYTHING, _NOTHING)
        if value and (name == last or any(name.startswith(word) for word in words))
    }
