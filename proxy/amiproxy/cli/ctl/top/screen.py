"""The screen of ``ctl top`` as lines of styled text, for any width and height.  Pure.

Nothing is broken or wider than the screen: where space is short, the least important columns and keys are
left out, and long names end in an ellipsis.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from amiproxy.cli.ctl.top.board import Board, Row, leading
from amiproxy.cli.ctl.top.state import SORTED_BY, Mode, State
from amiproxy.counted import count
from amiproxy.tools.terminal import printable, wrapped

#: One of "", bold, dim, reverse, good, bad, warn; and the text.
Piece = tuple[str, str]
Line = list[Piece]

_GOOD: Final = frozenset({"up", "serving", "fine"})
_DOUBTFUL: Final = frozenset({"connecting", "notice", "warning", "urgent"})
_FOOTER: Final = 2
#: Lines that a low screen keeps for the rest: the heading, three rows and the footer.
_LEAST: Final = 6
_SECONDS: Final = 86_400.0
_HELP: Final = (
    ("q", "quit"),
    ("up down pgup pgdn home end", "select a row"),
    ("Enter", "the details of a session, or the sessions of a user"),
    ("k", "kick the selected session, or all sessions of a user, after a y"),
    ("u", "users instead of sessions, and back"),
    ("s S left right", "sort by the next column, or the one before"),
    ("r", "reverse the order"),
    ("/", "show only rows with this text in user, server, peer or id; Esc ends it"),
    ("space", "pause, and go on"),
    ("h ?", "this help"),
)
#: The keys in the footer, the most important first.
_KEYS: Final = (
    *("q quit", "h help", "s sort", "/ filter", "k kick", "space pause"),
    *("Enter details", "u users", "r reverse"),
)


class Spec(NamedTuple):
    """A column: its field in ``Row``, least and greatest width; the highest rank is left out first."""

    field: str
    least: int
    most: int
    right: bool = False
    rank: int = 0


#: The rank from which on a column is worth less than names in full, and how wide these may become for that.
_OPTIONAL: Final = 4
_READABLE: Final = {"user": 16, "server": 12, "peer": 21}
#: Most servers that the header says are down.
_SHOWN: Final = 3

_SESSIONS: Final = (
    Spec("id", 12, 12, rank=2),
    Spec("user", 8, 24),
    Spec("peer", 15, 45),
    Spec("state", 7, 7, rank=5),
    Spec("age", 6, 6, True),
    Spec("rate_in", 6, 6, True, rank=3),
    Spec("rate_out", 6, 6, True),
    Spec("outbox", 6, 6, True),
    Spec("denied", 6, 6, True, rank=2),
    Spec("proxy", 6, 6, True, rank=4),
    Spec("asterisk", 8, 8, True, rank=6),
)
_USERS: Final = (
    Spec("user", 10, 24),
    Spec("sessions", 8, 8, True),
    Spec("peer", 12, 45, rank=4),
    Spec("age", 6, 6, True, rank=1),
    Spec("rate_in", 6, 6, True, rank=3),
    Spec("rate_out", 6, 6, True),
    Spec("outbox", 6, 6, True),
    Spec("denied", 6, 6, True),
    Spec("proxy", 6, 6, True, rank=2),
    Spec("asterisk", 8, 8, True, rank=5),
)
#: Before the peer, if the servers have names.
_SERVER: Final = Spec("server", 7, 16, rank=1)


class Surroundings(NamedTuple):
    """What the screen shows besides board and state."""

    #: Why the latest poll failed; "" if it succeeded.
    trouble: str = ""
    #: Lines of the selected session's details.
    details: Sequence[str] = ()
    #: What is shown in place of the keys, where these do not work.
    hint: str | None = None


def screen(board: Board, state: State, width: int, height: int, around: Surroundings) -> list[Line]:
    """Exactly ``height`` lines, at most ``width`` columns wide each."""
    head = _shortened(header(board, state, width, around.trouble), max(height - _LEAST, 1))
    room = max(height - len(head) - _FOOTER, 1)
    body = _body(board, state, width, room, around)[:room]
    foot = footer(state, board, width, around.hint)
    lines = [*head, *body, *([[]] * (room - len(body))), *foot]
    return [_cut(line, width) for line in lines[:height]]


def header(board: Board, state: State, width: int, trouble: str) -> list[Line]:
    """The state of the service: items in a row, as many lines as they need."""
    if board.look is None:
        return [[("bold", "ami-proxy "), ("warn", trouble or "waiting for the first answer")], []]
    status = board.look.status
    expiry = status["certificates"]
    days = int((expiry["not_after"] - datetime.now(UTC).timestamp()) // _SECONDS)
    lag = status["loop_lag"] * 1000
    items = [
        _item(f"ami-proxy {status['version']}", status["state"], 26),
        _item("up", compact_span(status["uptime"]), 9, judged=False),
        _links(status),
        _item("certificate", f"{expiry['state']}, {count(days, 'day')}", 26),
        _plain(f"{count(status['authenticated'], 'session')} of {_users(status)}", 24),
        _plain(f"{status['handshaking']} in TLS", 9),
        _plain(f"{status['unauthenticated']} before login", 15),
        _plain(f"{status['in_flight']} in flight", 12),
        _plain(f"events {compact(board.rate('events_in'))}/s", 15),
        _plain(f"delivered {compact(board.rate('deliveries'))}/s", 18),
        _plain(f"actions {compact(board.rate('actions'))}/s", 16),
        _plain(f"denied {compact(board.rate('denied'))}/s", 15),
        _plain(f"cpu {board.rate('cpu_seconds') * 100:.0f} %", 9),
        _plain(f"lag {lag:.1f} ms", 13, "warn" if lag > 100 else ""),
        _plain(f"outboxes {compact(status['outbox_bytes'])}B", 16),
        _plain(f"slow consumers {status['counters']['slow_consumers']}", 18),
    ]
    lines = flow(items, width)
    if trouble:
        lines.append([("bad", printable(trouble))])
    elif state.paused:
        lines.append([("warn", "paused: space goes on")])
    else:
        lines.append([])
    return lines


def _links(status: Mapping[str, Any]) -> Line:
    """The state of the link; of several, how many are up, and which are not."""
    if "servers" not in status:
        return _item("link", _standing(status["link"]), 9)
    servers = status["servers"]
    away = [f"{one['server']} {_standing(one['link'])}" for one in servers if one["link"]["state"] != "up"]
    more = [f"{len(away) - _SHOWN} more"] if len(away) > _SHOWN else []
    text = ", ".join([f"{len(servers) - len(away)} of {len(servers)} up", *away[:_SHOWN], *more])
    return [("", "links "), ("bad" if away else "good", printable(text))]


def _standing(link: Mapping[str, Any]) -> str:
    return f"{link['state']}" + (f": {link['reason']}" if link["reason"] else "")


def _shortened(head: list[Line], most: int) -> list[Line]:
    """Its first lines, and the last one, which says what is wrong."""
    return head if len(head) <= most else [*head[: most - 1], *head[-1:]]


def footer(state: State, board: Board, width: int, hint: str | None) -> list[Line]:
    """Two lines: what is being asked or was done, or the position; and the keys."""
    if state.mode is Mode.HELP:
        return [[], [("dim", "any key closes the help")]]
    keys: Line = [("dim", fitting(_keys(state), width) if hint is None else hint)]
    rows = state.rows(board)
    if state.mode is Mode.FILTER:
        return [
            [("bold", "filter: "), ("", state.filter), ("reverse", " ")],
            [("dim", "Enter keeps it, Esc does not")],
        ]
    if state.mode is Mode.CONFIRM:
        row = state.find(rows)
        return [[("bad", _question(state, row))], [("dim", "y kicks, any other key does not")]]
    if state.message:
        return [[("warn", printable(state.message))], keys]
    if state.mode is Mode.DETAILS:
        return [[], keys]
    shown = f"{min(state.top + 1, len(rows))}-{min(state.top + state.page, len(rows))} of {len(rows)}"
    order = f"by {SORTED_BY[state.column]}{', reversed' if state.reverse else ''}"
    found = f", with {state.filter!r}" if state.filter else ""
    return [[("dim", f"{shown} {order}{found}")], keys]


def fitting(items: Iterable[str], width: int) -> str:
    """The first of these items that fit into a line."""
    line = ""
    for item in items:
        longer = f"{line}  {item}" if line else item
        if cell_len(longer) > width:
            break
        line = longer
    return line


def flow(items: Sequence[Line], width: int, gap: int = 2) -> list[Line]:
    """The items from left to right, in as many lines as they need; none is divided."""
    lines: list[Line] = [[]]
    used = 0
    for item in items:
        size = sum(cell_len(text) for _, text in item)
        needed = sum(cell_len(text) for _, text in item[:-1]) + cell_len(item[-1][1].rstrip())
        if used and used + gap + needed > width:
            lines.append([])
            used = 0
        if used:
            lines[-1].append(("", " " * gap))
            used += gap
        lines[-1] += item
        used += size
    return lines


def specs_of(*, by_user: bool, is_named: bool) -> Sequence[Spec]:
    """The columns for users or sessions, with one for servers if these have names."""
    specs: Sequence[Spec] = _USERS if by_user else _SESSIONS
    if not is_named:
        return specs
    place = next(number for number, spec in enumerate(specs) if spec.field == "peer")
    return (*specs[:place], _SERVER, *specs[place:])


def columns(specs: Sequence[Spec], rows: Sequence[Row], width: int) -> list[tuple[Spec, int]]:
    """The columns that fit into the width, each with its width there; one blank is between two of them."""
    natural = {spec.field: spec.most for spec in specs}
    for spec in specs:
        if spec.most > spec.least:
            longest = max((cell_len(str(getattr(row, spec.field))) for row in rows), default=0)
            natural[spec.field] = min(max(longest, spec.least), spec.most)
    shown = list(specs)
    # Names that can be read are worth more than the columns of the highest ranks, but not than the others.
    _leave_out(shown, width, lambda spec: min(natural[spec.field], _READABLE.get(spec.field, 99)), _OPTIONAL)
    _leave_out(shown, width, lambda spec: spec.least, 1)
    widths = {spec.field: spec.least for spec in shown}
    left = width - sum(widths.values()) - len(shown) + 1
    # Columns whose contents are longer share what is left; the shortest of them are satisfied first.
    for spec in sorted(shown, key=lambda spec: natural[spec.field] - spec.least):
        more = min(natural[spec.field] - spec.least, max(left, 0))
        widths[spec.field] += more
        left -= more
    return [(spec, widths[spec.field]) for spec in shown]


def _leave_out(shown: list[Spec], width: int, needs: Callable[[Spec], int], lowest: int) -> None:
    """Remove columns of rank ``lowest`` and above, the highest first, until the others fit."""
    while sum(needs(spec) + 1 for spec in shown) - 1 > width:
        last = max(shown, key=lambda spec: spec.rank)
        if last.rank < lowest:
            return
        shown.remove(last)


def compact(number: float) -> str:
    """A number in at most five characters, such as ``7``, ``1.2K``, ``56K``, ``2.3M``."""
    if number < 999.5:
        return f"{number:.1f}" if 0.05 <= number < 9.95 and number != int(number) else f"{number:.0f}"
    unit = ""
    for larger in "KMGT":
        if number < 999.5:
            break
        number, unit = number / 1000, larger
    return f"{number:.1f}{unit}" if number < 9.95 else f"{number:.0f}{unit}"


def compact_span(seconds: float) -> str:
    """A duration in at most six characters, such as ``45s``, ``8m55s``, ``3h02m``, ``12d04h``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    hours = whole // 3600
    if hours < 48:
        return f"{hours}h{whole // 60 % 60:02}m"
    days = hours // 24
    return f"{days}d{hours % 24:02}h" if days < 100 else f"{days}d"


def _body(board: Board, state: State, width: int, room: int, around: Surroundings) -> list[Line]:
    if state.mode is Mode.HELP:
        wide = max(len(keys) for keys, _ in _HELP) + 2
        return [
            [("bold", f"{'' if number else keys:<{wide}}"), ("", line)]
            for keys, text in _HELP
            for number, line in enumerate(wrapped(text, width - wide))
        ]
    if state.mode is Mode.DETAILS:
        return [[("", line)] for line in around.details or ["waiting for the answer"]]
    rows = state.rows(board)
    shown = columns(specs_of(by_user=state.by_user, is_named=board.is_named), rows, width)
    lines: list[Line] = [_heading(shown, state)]
    if not rows and board.look is not None:
        what = "users have sessions" if state.by_user else "sessions"
        return [*lines, [("dim", f"no {what}{' that match the filter' if state.filter else ''}")]]
    lines += (
        _row(row, shown, is_selected=row.id == state.selected, is_old=bool(around.trouble))
        for row in state.window(rows, room - 1)
    )
    return lines


def _heading(shown: Sequence[tuple[Spec, int]], state: State) -> Line:
    line: Line = []
    for number, (spec, width) in enumerate(shown):
        name = SORTED_BY[spec.field]
        text = f"{name:>{width}}" if spec.right else f"{name:<{width}}"
        line += [("", " " if number else ""), ("reverse" if spec.field == state.column else "bold", text)]
    return line


def _row(row: Row, shown: Sequence[tuple[Spec, int]], *, is_selected: bool, is_old: bool) -> Line:
    line: Line = []
    for number, (spec, width) in enumerate(shown):
        text = _fit(_shown(row, spec.field), width, right=spec.right)
        style = "warn" if (spec.field == "outbox" and row.outbox) else "dim" if is_old else ""
        line += [("", " " if number else ""), (style, text)]
    if is_selected:
        text = "".join(text for _, text in line)
        return [("reverse", text)]
    return line


def _shown(row: Row, field: str) -> str:
    value: Any = getattr(row, field)
    match field:
        case "age":
            return compact_span(value)
        case "proxy" | "asterisk":
            return f"{value * 100:.1f} %" if value < 0.0995 else f"{value * 100:.0f} %"
        case "rate_in" | "rate_out":
            # As precise as they are compared when rows are sorted by them.
            return compact(leading(value))
        case "outbox" | "denied" | "sessions":
            return compact(value)
        case _:
            return printable(str(value))


def _fit(text: str, width: int, *, right: bool) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + "…"
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def _cut(line: Line, width: int) -> Line:
    cut: Line = []
    for style, text in line:
        left = width - sum(cell_len(part) for _, part in cut)
        if cell_len(text) > left >= cell_len(text.rstrip()):
            return [*cut, (style, text.rstrip())]
        if cell_len(text) > left:
            return [*cut, (style, _fit(text, left, right=False))] if left > 0 else cut
        cut.append((style, text))
    return cut


def _item(name: str, value: str, least: int, *, judged: bool = True) -> Line:
    word = value.partition(":")[0].partition(",")[0]
    style = ("good" if word in _GOOD else "warn" if word in _DOUBTFUL else "bad") if judged else ""
    text = printable(value)
    return [("", f"{name} "), (style, text), ("", " " * max(least - cell_len(f"{name} {text}"), 0))]


def _plain(text: str, least: int, style: str = "") -> Line:
    return [(style, f"{text:<{least}}")]


def _users(status: Mapping[str, Any]) -> str:
    # A service of the version before does not say how many users are logged in.
    return count(status.get("users_logged_in", status["users"]), "user")


def _keys(state: State) -> Sequence[str]:
    if state.mode is Mode.DETAILS:
        return ("Esc back", "k kick")
    return [key.replace("users", "sessions") if state.by_user else key for key in _KEYS]


def _question(state: State, row: Row | None) -> str:
    if row is None:
        return "the session has ended meanwhile"
    if state.by_user:
        return f"kick all {count(row.sessions, 'session')} of {printable(row.user)}?"
    return f"kick session {row.id} of {printable(row.user)} at {row.peer}?"
