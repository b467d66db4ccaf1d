"""manager.conf's class lists: what was written, what Asterisk makes of it, what comes over.

Asterisk's own reading has quirks that grant too much (``c,dtmf`` gives every
class that begins with c; an empty word gives all) or too little (a class behind
a blank is lost).  They are told, not copied: a class comes over if it is
written out *and* Asterisk grants it today.
"""

from typing import Final, NamedTuple

from proxy.ami.privilege import CLASS_NAMES

_EVERYTHING: Final = "all"
_NOTHING: Final = "none"


class ClassList(NamedTuple):
    """The classes that come over, and one sentence on each thing that is different."""

    classes: str | list[str]
    remarks: tuple[str, ...]


def read_classes(value: str) -> ClassList:
    """Judge the value of a ``read`` or ``write`` line."""
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
            remarks.append(f"{name} stands beside a blank, where Asterisk does not grant it: left out")
    surplus = sorted(set(CLASS_NAMES) - set(kept)) if _EVERYTHING in granted else sorted(granted - set(kept))
    surplus = [name for name in surplus if name not in (_NOTHING, _EVERYTHING)]
    if surplus:
        what = "every class" if _EVERYTHING in granted else ", ".join(surplus)
        remarks.append(f"Asterisk reads this line as granting {what}, which it does not say: left out")
    return ClassList(kept, tuple(remarks))


def _unknown(name: str) -> str:
    if not name:
        return "an empty word stands in the list"
    if name.lower() in CLASS_NAMES:
        return f"{name} is no class: Asterisk takes lower case only"
    return f"{name} is no class"


def _granted(value: str) -> set[str]:
    """Names that Asterisk's get_perm finds in the list: a word before a comma matches what it begins."""
    *words, last = value.split(",")
    return {
        name
        for name in (*CLASS_NAMES, _EVERYTHING, _NOTHING)
        if value and (name == last or any(name.startswith(word) for word in words))
    }
