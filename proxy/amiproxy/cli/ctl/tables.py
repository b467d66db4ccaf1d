"""Renders results of the control socket as tables.

Results may hold text that clients chose, so cells are never interpreted as markup,
and control characters are shown as escapes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from amiproxy.config.differences import Differences
from amiproxy.counted import count
from amiproxy.tools.terminal import Column, Facts, Paragraph, Table, printable

View = Mapping[str, Any]

_SIDE_LINKS = {"side": "side link", "lists": "list link"}
_GOOD = {"up", "serving", "fine", "ready", "enabled"}
_BAD = {"down", "login rejected", "expired", "critical", "draining", "disabled"}


def status(result: View) -> RenderableType:
    """``ctl status``."""
    link, expiry, reload_ = result["link"], result["certificates"], result["reload"]
    counters = result["counters"]
    rows = [
        ("ami-proxy", f"{result['version']}, pid {result['pid']}, up {span(result['uptime'])}"),
        ("state", result["state"]),
        ("listeners", " ".join(result["listeners"])),
        (
            "sessions",
            (
                f"{result['authenticated']} logged in, of {count(result['users_logged_in'], 'user')}; "
                f"{result['unauthenticated']} not logged in, {result['handshaking']} in the TLS handshake"
            ),
        ),
        ("users", f"{result['users']} configured"),
        ("link", _standing(link)),
        ("side link", _standing(result["side_link"])),
        ("list link", _standing(result["list_link"])),
        (
            "actions",
            f"{result['in_flight']} in flight, {counters['actions']} so far, {counters['denied']} denied",
        ),
        ("events", f"{counters['events_in']} in, {counters['deliveries']} delivered"),
        (
            "outboxes",
            (
                f"{size(result['outbox_bytes'])} waiting, "
                f"{count(counters['slow_consumers'], 'slow consumer')} closed"
            ),
        ),
        ("certificate", _expiry_line(expiry)),
        ("certificate files", _refused_lines(result["refused"])),
        ("reload", _reload_line(reload_, fixed_since=not result["refused"])),
        ("log level", result["log_level"]),
        ("loop lag", f"{result['loop_lag'] * 1000:.1f} ms"),
    ]
    return _facts(rows)


def sessions(result: Sequence[View]) -> RenderableType:
    """``ctl sessions``."""
    table = Table(
        (
            Column("id"),
            Column("user"),
            Column("peer", rank=1),
            Column("state", rank=4),
            Column("age", right=True, rank=2),
            Column("in", right=True, rank=5),
            Column("out", right=True, rank=3),
            Column("outbox", right=True),
        )
    )
    for row in result:
        table.add_row(
            *cells(
                row["id"],
                row["user"] or "-",
                f"{row['peer']}:{row['port']}",
                row["state"],
                span(row["age"]),
                size(row["bytes_in"]),
                size(row["bytes_out"]),
                size(row["outbox"]),
            )
        )
    return Group(table, "", Paragraph(count(len(result), "session")))


def session(result: View) -> RenderableType:
    """``ctl session ID``."""
    rows = [
        ("id", result["id"]),
        ("user", result["user"] or "- (not logged in)"),
        ("logged in as", result["login_name"] or "-"),
        ("peer", f"{result['peer']}:{result['port']}"),
        ("local address", f"{result['local']}:{result['local_port']}"),
        ("tls", result["tls"] or "-"),
        ("open since", f"{moment(result['opened'])}, {span(result['age'])}"),
        ("activity", result["doing"]),
        ("may read", result["read"] or "-"),
        ("may write", result["write"] or "-"),
        ("receives", f"{result['events'] or '-'}, {count(result['filters'], 'filter')} of its own"),
        ("view", f"shared by {result['sharing_view']} (this session included)"),
        ("bytes", f"{size(result['bytes_in'])} in, {size(result['bytes_out'])} out"),
        ("outbox", size(result["outbox"])),
        ("denied", count(result["denied"], "action")),
    ]
    return _facts(rows)


def users(result: Sequence[View]) -> RenderableType:
    """``ctl users``."""
    table = _table("user", "state", ">sessions", "login", "read", "write")
    for row in result:
        table.add_row(
            *cells(
                row["name"],
                "disabled" if row["disabled"] else "enabled",
                row["sessions"],
                "+".join(row["login"]) or "-",
                row["read"],
                row["write"],
            )
        )
    return Group(table, "", Paragraph(count(len(result), "user")))


def upstream(result: View) -> RenderableType:
    """``ctl upstream``."""
    rows = [
        ("asterisk", f"{result['host']}:{result['port']} as {result['username']}"),
        ("link", result["state"] + (f" ({result['reason']})" if result["reason"] else "")),
        *(
            (
                _SIDE_LINKS[side["link"]],
                f"{_standing(side)}, connected {count(side['ups'], 'time')}, {side['in_flight']} in flight",
            )
            for side in result["side_links"]
        ),
        ("banner", result["banner"]),
        ("connected", f"{count(result['ups'], 'time')}, lost {count(result['downs'], 'time')}"),
        (
            "actions",
            f"{result['in_flight']} in flight, {result['waiting']} waiting, {result['timeouts']} timed out",
        ),
        ("action table", count(result["actions_known"], "action")),
        ("orphans", count(result["orphans"], "unsolicited response")),
    ]
    loss = result["last_loss"]
    if loss is not None:
        outcomes = ", ".join(f"{number} {outcome}" for outcome, number in loss["sessions"].items() if number)
        text = f"{moment(loss['at'])} ({loss['reason']}): sessions {outcomes or 'none'}"
        rows.insert(4, ("last lost", text))
    return _facts(rows)


def certs(result: Sequence[View]) -> RenderableType:
    """``ctl certs``."""
    table = _table("listener", "names", "key", "valid until", ">days left", "state", ">generation")
    notes: list[RenderableType] = [""]
    for store in result:
        for served in store["served"]:
            table.add_row(
                *cells(
                    store["listener"],
                    "\n".join(served["names"]) or served["subject"],
                    served["key"],
                    day(served["not_after"]),
                    served["days_left"],
                    served["state"],
                    store["generation"],
                )
            )
            # On lines of their own: a fingerprint is hard to compare when it is folded into a cell.
            notes.append(_note(f"{store['listener']}: subject {served['subject'] or '(none)'}"))
            notes.append(_note(f"{store['listener']}: sha256  {served['sha256']}"))
        notes += _ends(store)
        notes.append(_note(f"{store['listener']}: {store['last_reload']}"))
        if store["waiting"]:
            text = f"{store['listener']}: on disk, not served: {' '.join(store['waiting'])}"
            notes.append(_note(text, "yellow"))
    return Group(table, *notes)


def limits(result: Sequence[View]) -> RenderableType:
    """``ctl limits``."""
    table = _table("limit", ">value", ">used", ">hits")
    for row in result:
        value = row["value"]
        shown = " ".join(value) if isinstance(value, list) else value
        table.add_row(
            *cells(row["name"], shown, "" if row["used"] is None else row["used"], row["hits"] or "")
        )
    return table


def kick(result: View) -> RenderableType:
    """``ctl kick``."""
    return Paragraph(f"{count(len(result['kicked']), 'session')} ended")


def drain(result: View) -> RenderableType:
    """``ctl drain``."""
    sessions, actions = count(result["sessions"], "session"), count(result["in_flight"], "action")
    return Paragraph(f"draining: {sessions}, {actions} in flight")


def reload(result: View) -> RenderableType:
    """``ctl reload``."""
    changed = Differences(
        tuple(result["changed"]),
        tuple(result["users_added"]),
        tuple(result["users_removed"]),
        tuple((name, tuple(keys)) for name, keys in result["users_changed"].items()),
    )
    lines = changed.lines() or ["configuration and users are the same as before"]
    lines += result["certificates"]
    return Paragraph("\n".join(["reloaded", *(f"  {printable(line)}" for line in lines)]))


def certs_reload(result: Sequence[str]) -> RenderableType:
    """``ctl certs reload``."""
    return Paragraph("\n".join(map(printable, result)))


def log_level(result: View) -> RenderableType:
    """``ctl log-level``."""
    return Paragraph(f"log level {result['level']} (was {result['before']}), until the next reload")


def learn(result: Any) -> RenderableType:
    """``ctl learn``: the recording in progress, or the last one that ended."""
    until = "until it is stopped" if not result["until"] else f"until {_moment(result['until'])}"
    state = f"recording {until}" if result["recording"] else "ended"
    return Paragraph(
        f"{state}, started {_moment(result['began'])}: {count(result['actions'], 'action shape')}, "
        f"{count(result['events'], 'event kind')}, {result['lost']} not recorded (over the limits)"
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


#: The function that renders the result of each command.
TABLES: Mapping[str, Callable[[Any], RenderableType]] = {
    "status": status,
    "sessions": sessions,
    "session": session,
    "users": users,
    "upstream": upstream,
    "certs": certs,
    "certs-reload": certs_reload,
    "limits": limits,
    "kick": kick,
    "drain": drain,
    "reload": reload,
    "log-level": log_level,
    "learn": learn,
}


def _note(text: str, style: str = "") -> Paragraph:
    return Paragraph(Text(printable(text), style=style), indent=4)


def _ends(store: View) -> Iterator[Paragraph]:
    """Expiry of what the table does not show: issuers in the chain, client CAs and revocation lists."""
    for served in store["served"]:
        if served["ends_by"]:
            name = (served["names"] or [served["subject"]])[0]
            text = f"{store['listener']}: {name} expires with {served['ends_by']}, which signs it"
            yield _note(text)
    for one in store["clients"]:
        style = {"fine": "", "critical": "red", "expired": "red"}.get(one["state"], "yellow")
        yield _note(f"{store['listener']}: {one['said']}", style)


def _standing(link: View) -> str:
    return f"{link['state']} ({link['reason']})" if link["reason"] else f"{link['state']}"


def _expiry_line(expiry: View) -> str:
    what = {"client-ca": "client CA ", "revocation-list": "revocation list of "}.get(expiry["kind"], "")
    return f"{expiry['state']}: {what}{' '.join(expiry['names'])} until {day(expiry['not_after'])}"


def _refused_lines(refused: Sequence[str]) -> str:
    return "\n".join(["REFUSED, the previous ones stay in use", *refused]) if refused else "same as on disk"


def _reload_line(report: View | None, *, fixed_since: bool) -> str:
    if report is None:
        return "none since the start of the service"
    if report["only_certificates"]:
        since = ", and have been fixed since" if fixed_since else ""
        return f"certificates were refused ({report['trigger']}, {moment(report['at'])}){since}"
    said = "succeeded" if report["succeeded"] else "FAILED, the previous configuration stays in force"
    problems = "".join(f"\n{problem}" for problem in report["problems"])
    return f"{said} ({report['trigger']}, {moment(report['at'])}){problems}"


def _facts(rows: Sequence[tuple[str, str]]) -> Facts:
    return Facts((name, _cell(value)) for name, value in rows)


def _table(*columns: str) -> Table:
    """A table with columns of these names; a > before a name marks a column of numbers."""
    return Table([Column(name.removeprefix(">"), right=name[0] == ">") for name in columns])


def cells(*values: object) -> list[Text]:
    """The values as cells; a known good word is green, a known bad one red."""
    return [_cell(str(value)) for value in values]


def _cell(value: str) -> Text:
    word = value.partition(" (")[0].partition(":")[0]
    style = "green" if word in _GOOD else "red" if word in _BAD else ""
    return Text("\n".join(map(printable, value.split("\n"))), style=style)


def size(number: float) -> str:
    """A number of bytes, as three or four characters and a unit, such as ``1.5 KiB``."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def span(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} m {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours < 48 else f"{hours // 24} d {hours % 24:02} h"


def day(timestamp: float) -> str:
    """A date, UTC.  ``timestamp`` is in seconds since the epoch."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d}"


def moment(timestamp: float) -> str:
    """A date and time, UTC.  ``timestamp`` is in seconds since the epoch."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"
