"""Renders results of the control socket as tables.

Results may hold text that clients chose, so cells are never interpreted as markup,
and control characters are shown as escapes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from amiproxy.cli.ctl import fleet, state
from amiproxy.cli.ctl.cells import cells, day, facts, moment, plain_table, servers_of, size, span
from amiproxy.config.differences import Differences
from amiproxy.counted import count
from amiproxy.tools.terminal import Column, Paragraph, Table, printable

View = Mapping[str, Any]

_SIDE_LINKS = {"side": "side link", "lists": "list link"}


def status(result: View) -> RenderableType:
    """``ctl status``."""
    expiry, reload_ = result["certificates"], result["reload"]
    counters = result["counters"]
    rows = [
        ("ami-proxy", f"{result['version']}, pid {result['pid']}, up {span(result['uptime'])}"),
        ("state", result["state"]),
        ("listeners", ", ".join(_listeners(result))),
        (
            "sessions",
            (
                f"{result['authenticated']} logged in, {result.get('web_sessions', 0)} by HTTP, "
                f"of {count(result['users_logged_in'], 'user')}; "
                f"{result['unauthenticated']} not logged in, {result['handshaking']} in the TLS handshake"
            ),
        ),
        ("users", f"{result['users']} configured"),
        *_links(result),
        *fleet.standing(result.get("fleet")),
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
    return facts(rows)


def _listeners(result: View) -> Iterator[str]:
    """The addresses, with the doors of those that speak HTTP; an older service does not tell them."""
    listeners = result["listeners"]
    for address, doors in zip(listeners, result.get("doors", [["ami"]] * len(listeners)), strict=True):
        yield address if doors == ["ami"] else f"{address} (http: {' '.join(doors)})"


def _links(result: View) -> Iterator[tuple[str, str]]:
    """The links of the only server, or a row for each server with those of its side links that are in use."""
    if "servers" not in result:
        for name in ("link", "side_link", "list_link"):
            yield name.replace("_", " "), _standing(result[name])
    for server in result.get("servers", ()):
        sides = [
            f"; {name.replace('_', ' ')} {_standing(server[name])}"
            for name in ("side_link", "list_link")
            if server[name]["state"] != "closed"
        ]
        yield f"link {server['server']}", _standing(server["link"]) + "".join(sides)


def sessions(result: Sequence[View]) -> RenderableType:
    """``ctl sessions``."""
    are_named = any("servers" in row for row in result)
    has_doors = any(row.get("door", "ami") != "ami" for row in result)
    table = Table(
        (
            Column("id"),
            Column("user"),
            *((Column("door"),) if has_doors else ()),
            *((Column("server"),) if are_named else ()),
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
                *((row["door"],) if has_doors else ()),
                *((servers_of(row),) if are_named else ()),
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
        *((("servers", ", ".join(result["servers"]) or "-"),) if "servers" in result else ()),
        ("door", result.get("door", "ami")),
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
    return facts(rows)


def users(result: Sequence[View]) -> RenderableType:
    """``ctl users``."""
    are_named = any("servers" in row for row in result)
    has_history = any(row.get("history") for row in result)
    columns = [*(("servers",) if are_named else ()), "read", "write", *(("history",) if has_history else ())]
    table = plain_table("user", "state", ">sessions", "login", *columns)
    for row in result:
        fewer = row.get("narrowed", ())
        servers = ",".join(f"({name})" if name in fewer else name for name in row.get("servers", ()))
        table.add_row(
            *cells(
                row["name"],
                "disabled" if row["disabled"] else "enabled",
                row["sessions"],
                "+".join(row["login"]) or "-",
                *((servers or "-",) if are_named else ()),
                row["read"],
                row["write"],
                *(("yes" if row["history"] else "-",) if has_history else ()),
            )
        )
    notes = [Paragraph(count(len(result), "user"))]
    if any(row.get("narrowed") for row in result):
        notes.append(Paragraph("(in brackets: fewer rights there, by on: of users.yaml)"))
    return Group(table, "", *notes)


def upstream(result: View) -> RenderableType:
    """``ctl upstream``: the only server, or a row for each."""
    if "servers" not in result:
        return server(result)
    table = Table(
        (
            Column("server"),
            Column("asterisk", rank=1),
            Column("link"),
            Column("in flight", right=True, rank=2),
            Column("waiting", right=True, rank=5),
            Column("timeouts", right=True, rank=3),
            Column("lost", right=True, rank=4),
        )
    )
    for row in result["servers"]:
        table.add_row(
            *cells(
                row["server"],
                _place(row),
                _standing(row),
                row["in_flight"] + sum(side["in_flight"] for side in row["side_links"]),
                row["waiting"],
                row["timeouts"],
                row["downs"],
            )
        )
    default = [row["server"] for row in result["servers"] if row["default"]]
    notes = [Paragraph(f"default server: {default[0]}")] if default else []
    return Group(table, "", Paragraph(count(len(result["servers"]), "server")), *notes)


def server(result: View) -> RenderableType:
    """``ctl upstream NAME``, and ``ctl upstream`` of an only server."""
    rows = [
        *(
            (("server", result["server"] + (", the default" if result["default"] else "")),)
            if "server" in result
            else ()
        ),
        ("asterisk", _place(result) + (f" as {result['username']}" if result["username"] else "")),
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
        *_last_loss(result["last_loss"]),
        (
            "actions",
            f"{result['in_flight']} in flight, {result['waiting']} waiting, {result['timeouts']} timed out",
        ),
        ("action table", count(result["actions_known"], "action")),
        ("orphans", count(result["orphans"], "unsolicited response")),
    ]
    return facts(rows)


def _place(row: View) -> str:
    """Where a server is: the agent of a fleet has no port here."""
    return f"{row['host']}:{row['port']}" if row["port"] else f"{row['host']}"


def _last_loss(loss: View | None) -> Iterator[tuple[str, str]]:
    if loss is not None:
        outcomes = ", ".join(f"{number} {outcome}" for outcome, number in loss["sessions"].items() if number)
        yield "last lost", f"{moment(loss['at'])} ({loss['reason']}): sessions {outcomes or 'none'}"


def certs(result: Sequence[View]) -> RenderableType:
    """``ctl certs``."""
    table = plain_table("listener", "names", "key", "valid until", ">days left", "state", ">generation")
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
    are_named = any("server" in row for row in result)
    table = plain_table("limit", *(("server",) if are_named else ()), ">value", ">used", ">hits")
    for row in result:
        value = row["value"]
        shown = " ".join(value) if isinstance(value, list) else value
        table.add_row(
            *cells(
                row["name"],
                *((row.get("server", ""),) if are_named else ()),
                shown,
                "" if row["used"] is None else row["used"],
                row["hits"] or "",
            )
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
    "state": state.history,
    "fleet": fleet.fleet,
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
