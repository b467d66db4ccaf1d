"""Renders answers: lists as tables, single responses as pairs, the output of commands as text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from amiproxy.ami.answers import response_of
from amiproxy.ami.message import Message
from amiproxy.ami.relay import event_list_of
from amiproxy.counted import count
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.answers.remedies import error_text
from amiproxy.tools.shell.showing.layout import GAP, fitted, header_lines, layout
from amiproxy.tools.shell.showing.printable import shown, visible_lines
from amiproxy.tools.shell.showing.records import Record, by_column, by_event, columns, output_lines, record
from amiproxy.tools.terminal import printable, wrapped

_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_HEAD: Final = (b"response", b"message", b"output", b"proxyreason")


@dataclass
class Look:
    """How answers are shown.

    ``records``: one header a line, instead of tables: True, False, or None if a table does not fit at all.
    ``columns``: the columns of lists that are wanted, in this order; empty to choose them by the width.
    """

    records: bool | None = None
    columns: tuple[str, ...] = field(default=())


def answer(result: Answer, look: Look, width: int) -> Iterator[RenderableType]:
    """The lines of an answer, for a terminal of ``width`` characters."""
    response = result.response
    if response is not None:
        yield from _response(result, response, width)
    for row in result.rows:
        yield from (
            Text(visible_lines(line)) for line in row.rstrip(b"\r\n").replace(b"\r", b"").split(b"\n")
        )
    if result.is_cut:
        yield Text("a message was too long to be read whole; only its beginning is shown", style="red")
    if result.is_list or result.items:
        groups = by_event(result.items)
        for name, records in groups.items():
            if len(groups) > 1:
                yield Text(name, style="bold")
            yield from _list(name, records, look, width)
            yield Text(count(len(records), "row"), style="dim")
        yield from _end(result, groups)


def _response(result: Answer, response: Message, width: int) -> Iterator[RenderableType]:
    kind = shown(response_of(response.raw))
    text = shown(response.get(b"message"))
    if result.failed and result.complete is None:
        text = f"{kind}: {printable(error_text(response))}"
        yield Text("\n".join(wrapped(text, width)), style="red")
    elif result.is_list or b"output" in (name.lower() for name, _ in response.headers):
        pass
    else:
        yield Text(f"{kind}: {text}" if text else kind, style="green")
    if not result.is_list:
        yield from pairs(record(response, *_HEAD), width)
    for line in output_lines(response):
        yield Text(visible_lines(line))
    if response.raw.startswith(b"Response: Follows"):
        yield from map(Text, _old_output(response))


def _old_output(response: Message) -> Iterator[str]:
    """The free text of Asterisk 13's answer to a command."""
    lines = response.raw.replace(b"\r", b"").split(b"\n")
    for line in lines:
        if line.startswith(b"--END COMMAND--"):
            return
        if not line.startswith((b"Response: Follows", b"Privilege: Command", b"ActionID: ")):
            yield visible_lines(line)


def pairs(one: Record, width: int) -> Iterator[RenderableType]:
    """Headers and values in two columns; a header without room beside its value stands above it."""
    if not one:
        return
    longest = max(cell_len(name) for name, _ in one)
    side_by_side = longest + GAP + 10 <= width
    for name, value in one:
        if side_by_side:
            yield _wrapped(name.ljust(longest + GAP), value, width)
        else:
            yield Text(name, style="bold")
            yield _wrapped("  ", value, width)


def _wrapped(begin: str, value: str, width: int) -> Text:
    """The value after ``begin``, whose further lines are indented as far."""
    room = max(width - cell_len(begin), 1)
    text = Text(begin, style="bold")
    rest = value
    while cell_len(rest) > room:
        cut = rest.rfind(" ", 0, room + 1)
        cut = cut if cut > 0 else room
        text.append(rest[:cut], style="not bold")
        text.append("\n" + " " * cell_len(begin))
        rest = rest[cut:].lstrip(" ")
    text.append(rest, style="not bold")
    return text


def _list(name: str, records: Sequence[Record], look: Look, width: int) -> Iterator[RenderableType]:
    known = columns(records)
    if look.columns:
        by_key = {one.lower(): one for one in known}
        known = [by_key[one.lower()] for one in look.columns if one.lower() in by_key] or known
    cells = by_column(records, known)
    plan = layout(name, cells, width)
    if look.records or (look.records is None and (len(plan.shown) < 2 and bool(plan.left_out))):
        for number, one in enumerate(records, start=1):
            yield Text(f"-[ {name} {number} ]".ljust(40, "-")[:width], style="dim")
            yield from pairs([pair for pair in one if pair[0] in known], width)
        return
    if plan.shown:
        yield from _table({column: cells[column] for column in plan.shown}, plan.shown)
    if plan.left_out:
        hidden = ", ".join(plan.left_out)
        yield _wrapped("  ", f"not shown for want of room (\\x shows all): {hidden}", width)


def _table(cells: Mapping[str, Sequence[str]], widths: Mapping[str, int]) -> Iterator[RenderableType]:
    """A table with a header of one or two lines.

    It is put together here because rich needs more than a second for a thousand rows.
    """
    gap = " " * GAP
    right = {name: all(map(_is_number, values)) for name, values in cells.items()}
    heads = [header_lines(name, width) for name, width in widths.items()]
    for part in (0, 1):
        line = gap.join(
            fitted(head[part], width, right=right[name])
            for head, (name, width) in zip(heads, widths.items(), strict=True)
        )
        if line.strip():
            yield Text(line.rstrip(), style="bold")
    yield Text("─" * (sum(widths.values()) + GAP * (len(widths) - 1)), style="dim")
    columns_ = [[fitted(value, widths[name], right=right[name]) for value in cells[name]] for name in widths]
    rows = (gap.join(row).rstrip() for row in zip(*columns_, strict=True))
    yield "\n".join(rows)


def _is_number(value: str) -> bool:
    return not value or _NUMBER.match(value) is not None


def _end(result: Answer, groups: object) -> Iterator[RenderableType]:
    complete = result.complete
    if not groups:
        yield Text("0 rows", style="dim")
    if complete is None:
        return
    if event_list_of(complete.raw) == b"cancelled":
        reason = shown(complete.get(b"reason") or complete.get(b"message"))
        yield Text(
            f"the list was cancelled{f': {reason}' if reason else ''}; it is not complete", style="red"
        )
    if missing := shown(complete.get(b"serversmissing")):
        yield Text(f"the list is without these servers, which did not give theirs: {missing}", style="red")
    promised = complete.get(b"listitems")
    if promised.isdigit() and int(promised) != len(result.items):
        yield Text(f"the list should have had {int(promised)} items", style="red")
