"""The cells of tables and facts: known words have colours, sizes and times have units."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from amiproxy.counted import count
from amiproxy.tools.terminal import Column, Facts, Table, printable

#: How many servers of a session are named in a table.
_FEW = 2
_GOOD = {"up", "connected", "serving", "fine", "ready", "enabled"}
_BAD = {"down", "behind", "login rejected", "expired", "critical", "draining", "disabled"}


def facts(rows: Sequence[tuple[str, str]]) -> Facts:
    """Names with their values."""
    return Facts((name, cell(value)) for name, value in rows)


def plain_table(*columns: str) -> Table:
    """A table with columns of these names; a > before a name marks a column of numbers."""
    return Table([Column(name.removeprefix(">"), right=name[0] == ">") for name in columns])


def cells(*values: object) -> list[Text]:
    """The values as cells; a known good word is green, a known bad one red."""
    return [cell(str(value)) for value in values]


def cell(value: str) -> Text:
    """A value, green or red if it begins with a known word."""
    word = value.partition(" (")[0].partition(":")[0].partition(";")[0]
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


def servers_of(row: Mapping[str, Any]) -> str:
    """The servers that a session sees, in one word if there are at most two."""
    names = row.get("servers", ())
    return ",".join(names) or "-" if len(names) <= _FEW else count(len(names), "server")
