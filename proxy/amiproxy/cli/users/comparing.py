"""The difference between two entries of a user, in the words of ``users show``."""

from collections.abc import Iterator

from amiproxy.cli.users.rights import rights_of
from amiproxy.config import UserEntry

#: Rows whose values are lists, and what separates their names.
_LISTS = dict.fromkeys(
    ("reads events of", "writes", "may run", "contexts", "channels", "hosts", "applications", "servers"), ","
) | {"technologies": ",", "functions": ",", "sets variables": ",", "from": ";"}
#: Values of such rows that are not a list.
_WORDS = {"any", "all", "any address"}
#: Names that are shown of a longer list.
_SHOWN = 8
#: Characters that are shown of another value.
_LONGEST = 60
_RUNS = "may run"


def differences_of(before: UserEntry | None, after: UserEntry | None) -> Iterator[tuple[str, str]]:
    """Rows of (label, difference); None is a user that does not exist.  No secret is shown."""
    if after is None:
        return
    old, new = _rows(before), _rows(after)
    if before is not None:
        for label in ("secret", "md5_secret"):
            one, other = getattr(before, label), getattr(after, label)
            if one != other:
                yield label, "added" if one is None else "removed" if other is None else "replaced"
    for label in dict.fromkeys([*old, *new]):
        one, other = old.get(label, ""), new.get(label, "")
        if one == other:
            continue
        if before is None:
            if label in ("from", "servers", "reads events of", "writes") or (
                label == "doors" and after.doors != ("ami",)
            ):
                yield label, other
        elif said := _changed(_names(label, one), _names(label, other)):
            yield label, said
        else:
            yield label, f"{_short(one)} -> {_short(other)}"


def _rows(entry: UserEntry | None) -> dict[str, str]:
    if entry is None:
        return {}
    rows: dict[str, str] = {"state": "disabled" if entry.disabled else "enabled"}
    for label, value in rights_of("", entry):
        server, what = _of_server(label)
        if what.startswith(_RUNS):
            # One row for each class that opens actions: which class it is does not matter here.
            runs = f"{server}{_RUNS}"
            rows[runs] = f"{rows[runs]}, {value}" if runs in rows else value
        elif label != "user":
            rows[label] = value
    return rows


def _of_server(label: str) -> tuple[str, str]:
    """What a row says about one server alone: what its label begins with, empty if nothing; and the rest."""
    server, colon, what = label.partition(": ")
    return (server + colon, what) if colon else ("", label)


def _short(value: str) -> str:
    if len(value) <= _LONGEST:
        return value or "none"
    return f"{value[:_LONGEST].rpartition(' ')[0].rstrip(',')} …"


def _names(label: str, value: str) -> list[str] | None:
    """The value as a list of names; None if it is a text."""
    separator = _LISTS.get(_of_server(label)[1])
    if separator is None or value in _WORDS or "(" in value or (separator == "," and ";" in value):
        return None
    return [name.strip() for name in value.split(separator) if name.strip() not in ("", "none")]


def _changed(before: list[str] | None, after: list[str] | None) -> str:
    """What comes and what goes; empty if that does not tell the difference."""
    if before is None or after is None:
        return ""
    parts = []
    for sign, names in (
        ("+", [name for name in after if name not in before]),
        ("-", [name for name in before if name not in after]),
    ):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            parts.append(f"{sign} {', '.join(names[:_SHOWN])}{more}")
    return "   ".join(parts)
