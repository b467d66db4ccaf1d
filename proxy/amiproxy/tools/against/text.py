"""The result of a comparison as text for people, and as data for programs."""

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any, Final, NamedTuple

from amiproxy.config.plain import ABSENT, Plain, is_hidden
from amiproxy.counted import count
from amiproxy.tools.against.report import CertificateChange, Report, Setting, UserChange, UserKey
from amiproxy.tools.against.rights import Direction

_LEVEL: Final = "  "
#: Columns that the shortest labels are padded to at most.
_WIDEST: Final = 40
_NOTHING: Final[tuple[Plain, ...]] = (None, [], {}, "")


class _Row(NamedTuple):
    """A text, and before it a label padded to ``column``; ``level`` is how far they are indented."""

    text: str
    label: str = ""
    column: int = 0
    level: int = 1

    def lines(self, width: int) -> list[str]:
        """The row; a text that does not fit beside its label is below it."""
        lead = _LEVEL * self.level
        if not self.label:
            return _wrapped(self.text, width, lead, lead if self.level == 0 else lead + _LEVEL)
        line = f"{lead}{self.label:{self.column}}  {self.text}"
        if len(line) <= width:
            return [line]
        below = lead + _LEVEL * 2
        return [f"{lead}{self.label}", *_wrapped(self.text, width, below, below)]


def _wrapped(text: str, width: int, first: str, other: str) -> list[str]:
    return wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=other,
        break_long_words=False,
        break_on_hyphens=False,
    )


def lines(report: Report, warned: Container[str] = (), width: int = 80) -> Iterator[str]:
    """The report: a section for each kind of change that there is, and the result at the end.

    ``warned``: warnings that are not repeated.  Only words that are longer than ``width`` columns make a line
    longer.
    """
    for title, rows in _sections(report, warned):
        found = list(rows)
        if found:
            yield title
            for row in found:
                yield from row.lines(width)
            yield ""
    yield from _Row(_result(report), level=0).lines(width)


def _sections(report: Report, warned: Container[str]) -> Iterator[tuple[str, Iterable[_Row]]]:
    fixed = [one for one in report.settings if one.why_restart]
    others = [one for one in report.settings if not one.why_restart]
    yield "Refused", map(_Row, report.refused)
    yield "Warnings", (_Row(line) for line in report.warnings if line not in warned)
    yield ("The upgrade" if report.is_upgrade else "This check ran on"), _upgrade(report)
    yield "Settings that only a restart changes", _settings(fixed)
    yield ("Other settings" if fixed else "Settings"), _settings(others)
    yield "Users", (row for user in report.users for row in _user(user, report))
    yield "Certificates", _certificates(report)
    yield "Not compared, because the running version cannot tell", map(_Row, report.unknown)
    yield "Notes", map(_Row, report.notes)


def _result(report: Report) -> str:
    closes = (
        f"which closes {count(report.sessions, 'open session')}: all clients must connect again. "
        "Those that read class system get a ProxyShutdown event before."
        if report.sessions
        else "which closes no session, because none is open."
    )
    match report.result:
        case "same" if report.unknown:
            return "No difference was found in what could be compared."
        case "same":
            return "The running service has exactly this configuration."
        case "reload" if report.unknown:
            return "A reload applies all of this, as far as it could be compared."
        case "reload":
            return "A reload applies all of this."
        case "refused" if report.is_upgrade:
            return "The new version would not start with these files."
        case "refused":
            return "A reload would be refused, and the old configuration would stay in force."
        case _ if report.is_upgrade:
            return f"The upgrade restarts the service, {closes}"
        case _:
            return f"A reload would be refused. All of this takes a restart, {closes}"


# -- settings ------------------------------------------------------------------


def _settings(settings: list[Setting]) -> Iterator[_Row]:
    column = min(max((len(one.key) for one in settings), default=0), _WIDEST)
    for one in settings:
        default = ", the default" if one.is_default else ""
        yield _Row(f"{_change(one.old, one.new)}{default}", one.key, column)
        if one.why_restart:
            yield _Row(one.why_restart, level=3)


def _upgrade(report: Report) -> Iterator[_Row]:
    for name, old, new in report.program:
        yield _Row(f"{old} -> {new}", name, len("version"))
    for one in report.new_keys:
        yield _Row(_shown(one.new), f"{one.key} is new:")
    for one in report.gone_keys:
        yield _Row(f"it was {_shown(one.old)}", f"{one.key} no longer exists;")


def _change(old: Plain, new: Plain) -> str:
    """Both values; of two lists, what is added and removed."""
    if is_hidden(old) or is_hidden(new):
        empty = (ABSENT, *_NOTHING)
        return "set" if old in empty else "removed" if new in empty else "changed"
    if isinstance(old, list) and isinstance(new, list) and old and new:
        gone, more = [one for one in old if one not in new], [one for one in new if one not in old]
        parts = [f"+ {_shown(one)}" for one in more] + [f"- {_shown(one)}" for one in gone]
        return ", ".join(parts) or f"another order: {_shown(new)}"
    if old == new:
        return "the file has new content"
    return f"{_shown(old)} -> {_shown(new)}"


def _shown(value: Plain) -> str:
    if value is ABSENT or value in _NOTHING:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        empty = (False, *_NOTHING)
        return (
            f"{{{', '.join(f'{name}: {_shown(item)}' for name, item in value.items() if item not in empty)}}}"
        )
    return str(value)


# -- users ---------------------------------------------------------------------


def _user(user: UserChange, report: Report) -> Iterator[_Row]:
    name = user.name if user.kind != "renamed" else f"{user.earlier_name} -> {user.name}"
    states = [key for key in user.keys if key.key == "disabled" and user.kind != "added"]
    said: list[str] = [user.kind] if user.kind != "changed" else []
    said += ["disabled" if key.new else "enabled" for key in states]
    yield _Row(", ".join(said) or "changed", name)
    keys = [key for key in user.keys if key not in states]
    column = max((len(_label(key, user.directions)) for key in keys), default=0)
    for key in keys:
        text = _shown(key.new) if user.kind == "added" else _key_change(key)
        yield _Row(text, _label(key, user.directions), column, level=2)
    if report.result in ("reload", "refused") and not report.is_upgrade:
        for text in _effects(user):
            yield _Row(text, level=2)


def _key_change(key: UserKey) -> str:
    if key.key in ("read", "write") and not {"all", "none"} & {key.old, key.new}:
        return _change(key.old.split(","), key.new.split(","))
    return _change(key.old, key.new)


def _label(key: UserKey, directions: Mapping[str, Direction]) -> str:
    way = directions.get(key.key.partition(".")[0].partition("[")[0], "")
    return f"{key.key} ({way})" if way else key.key


def _effects(user: UserChange) -> Iterator[str]:
    for reason, number in user.closes.items():
        yield f"{count(number, 'open session')} would be closed ({reason})"
    stay = user.sessions - sum(user.closes.values())
    if user.gets_fewer_events and stay > 0:
        yield f"{count(stay, 'open session')} may get fewer events"


# -- certificates --------------------------------------------------------------


def _certificates(report: Report) -> Iterator[_Row]:
    for change in report.certificates:
        yield from _certificate(change)
    for path in report.files:
        yield _Row("has new content", path)


def _certificate(change: CertificateChange) -> Iterator[_Row]:
    old, new = change.old or {}, change.new or {}
    kind = "" if old and new else "added: " if new else "removed: "
    one = new or old
    yield _Row(f"{kind}{' '.join(one['names']) or one['subject']}", change.listener)
    facts = [(name, old.get(name), new.get(name)) for name in ("subject", "issuer", "key", "serial")]
    facts.append(("expires", _day(old), _day(new)))
    if old and new and old["names"] != new["names"]:
        yield _fact("names", _change(old["names"], new["names"]))
    for name, was, now in facts:
        if was is None or now is None:
            yield _fact(name, str(was if now is None else now))
        elif was != now:
            yield _fact(name, f"{was or 'none'} -> {now or 'none'}")
    # On lines of their own: a fingerprint is hard to compare when it is folded.
    fingerprints = [side["sha256"] for side in (old, new) if side]
    for number, fingerprint in enumerate(fingerprints):
        yield _fact("sha256" if number == 0 else "->", fingerprint)


def _fact(name: str, text: str) -> _Row:
    return _Row(text, name, len("subject"), level=2)


def _day(certificate: Mapping[str, Plain]) -> str | None:
    return f"{datetime.fromtimestamp(certificate['not_after'], UTC):%Y-%m-%d}" if certificate else None


# -- for programs --------------------------------------------------------------


def data(report: Report) -> dict[str, Any]:
    """The report for JSON.  A value that must not be shown is null, and its key is in ``hidden``."""
    return {
        "result": report.result,
        "versions": {"running": report.versions[0], "checking": report.versions[1]},
        "sessions": report.sessions,
        "refused": list(report.refused),
        "warnings": list(report.warnings),
        "program": [dict(zip(("name", "old", "new"), one, strict=True)) for one in report.program],
        "new_keys": [{"key": one.key, "value": one.new} for one in report.new_keys],
        "gone_keys": [{"key": one.key, "value": one.old} for one in report.gone_keys],
        "settings": [
            {
                **_values(one.key, one.old, one.new),
                "takes_restart": one.why_restart or None,
                "is_default": one.is_default,
            }
            for one in report.settings
        ],
        "users": [
            {
                "name": user.name,
                "kind": user.kind,
                "earlier_name": user.earlier_name or None,
                "keys": [_values(*key) for key in user.keys],
                "directions": dict(user.directions),
                "sessions": user.sessions,
                "closes": dict(user.closes),
                "may_get_fewer_events": user.gets_fewer_events,
            }
            for user in report.users
        ],
        "certificates": [one._asdict() for one in report.certificates],
        "files": list(report.files),
        "not_compared": list(report.unknown),
        "notes": list(report.notes),
    }


def _values(key: str, old: Plain, new: Plain) -> dict[str, Any]:
    if is_hidden(old) or is_hidden(new):
        return {"key": key, "old": None, "new": None, "hidden": True}
    return {
        "key": key,
        "old": None if old is ABSENT else old,
        "new": None if new is ABSENT else new,
        "hidden": False,
    }
