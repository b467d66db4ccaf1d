"""``ami-proxy ctl top``: a live screen, until Ctrl-C."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from amiproxy.cli.ctl.connection import Connection
from amiproxy.cli.ctl.tables import cells, size, span
from amiproxy.counted import count

#: Lines without a session: two borders, up to six between them, the table's header, the one below the
#: table, the cursor's.
_AROUND = 11


class Look(NamedTuple):
    """Status and sessions at one time; ``at`` is in monotonic seconds."""

    at: float
    status: Mapping[str, Any]
    sessions: Sequence[Mapping[str, Any]]


def watch(connection: Connection, interval: float, console: Console) -> None:
    """Query the proxy every ``interval`` seconds and redraw.

    Ends with KeyboardInterrupt, NotReachable or Refused.
    """
    before = _look(connection)
    with Live(screen(before, before, console.height), console=console, screen=console.is_terminal) as live:
        while True:
            time.sleep(interval)
            now = _look(connection)
            live.update(screen(before, now, console.height), refresh=True)
            before = now


def _look(connection: Connection) -> Look:
    return Look(time.monotonic(), connection.ask("status"), connection.ask("sessions"))


def screen(before: Look, now: Look, height: int) -> RenderableType:
    """A screen of at most ``height`` lines: the summary above, sessions below.

    The sessions with the most bytes in their outboxes come first, then those with the highest output rate.
    """
    status = now.status
    link, expiry = status["link"], status["certificates"]
    reason = f" ({link['reason']})" if link["reason"] else ""
    head = Table.grid(expand=True, padding=(0, 2))
    for _ in range(4):
        head.add_column(ratio=1)
    head.add_row(
        *cells(
            f"ami-proxy {status['version']}, up {span(status['uptime'])}",
            status["state"],
            f"{count(status['authenticated'], 'session')} of {count(status['users_logged_in'], 'user')}",
            f"loop lag {status['loop_lag'] * 1000:.1f} ms",
        )
    )
    head.add_row(
        Text.assemble("link ", *cells(link["state"] + reason)),
        Text.assemble("certificate ", *cells(expiry["state"])),
        *cells(f"{status['handshaking']} at TLS, {status['unauthenticated']} at login"),
        *cells(f"{count(status['in_flight'], 'action')} in flight"),
    )
    rates = Table.grid(expand=True, padding=(0, 2))
    for _ in range(3):
        rates.add_column(ratio=1, no_wrap=True)
    rates.add_row(
        *cells(
            f"events in {_rate(before, now, 'events_in')}",
            f"delivered {_rate(before, now, 'deliveries')}",
            f"outboxes {size(status['outbox_bytes'])}",
        )
    )
    rates.add_row(
        *cells(
            f"actions   {_rate(before, now, 'actions')}",
            f"denied    {_rate(before, now, 'denied')}",
            f"slow consumers {status['counters']['slow_consumers']}",
        )
    )
    shown = max(height - _AROUND, 1)
    return Group(Panel(Group(head, rates)), _sessions(before, now, shown))


def _sessions(before: Look, now: Look, most: int) -> RenderableType:
    earlier = {row["id"]: row for row in before.sessions}
    seconds = max(now.at - before.at, 1e-9)

    def out(row: Mapping[str, Any]) -> float:
        known = earlier.get(row["id"])
        return (row["bytes_out"] - known["bytes_out"]) / seconds if known is not None else 0.0

    def taken(row: Mapping[str, Any], what: str) -> str:
        known = earlier.get(row["id"])
        spent = row[what] - known[what] if known is not None else 0.0
        return f"{max(float(spent), 0.0) / seconds * 100:.0f} %"

    table = Table(box=None, header_style="bold", expand=True, pad_edge=False)
    for name in ("session", "user", "peer", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("age", "proxy", "asterisk", "out/s", "outbox"):
        table.add_column(name, justify="right", no_wrap=True)
    ordered = sorted(now.sessions, key=lambda row: (-row["outbox"], -out(row), row["id"]))
    for row in ordered[:most]:
        table.add_row(
            *cells(
                row["id"],
                row["user"] or "-",
                f"{row['peer']}:{row['port']}",
                row["state"],
                span(row["age"]),
                # Both are figures of the user, shared by its sessions.
                taken(row, "proxy_seconds"),
                taken(row, "asterisk_seconds"),
                size(out(row)),
                size(row["outbox"]),
            )
        )
    more = len(ordered) - most
    return Group(table, Text(f"{more} more" if more > 0 else "Ctrl-C to quit", style="dim"))


def _rate(before: Look, now: Look, name: str) -> str:
    seconds = now.at - before.at
    if seconds <= 0:
        return "-"
    return f"{(now.status['counters'][name] - before.status['counters'][name]) / seconds:,.0f}/s"
