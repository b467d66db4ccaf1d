"""``ami-proxy ctl tail``: what the service logs, as it happens."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.text import Text

from amiproxy.cli.ctl.cells import size, span
from amiproxy.cli.ctl.connection import Connection, NotReachable
from amiproxy.counted import count
from amiproxy.tools import terminal

#: Seconds between two attempts to reach a service that has gone.
_RETRY: Final = 1.0
#: More than the service keeps: after a restart, everything that it has logged since.
_EVERYTHING: Final = "9999"
#: Fields that are in columns of their own, are repeated elsewhere on the line, or that only programs need.
_ELSEWHERE: Final = frozenset({"time", "level", "event", "kind", "user", "security_event"})
#: Their ``generation`` is that of the configuration which decided, which people rarely need.
_DETAILED: Final = frozenset({"login", "action-denied", "action-allowed"})
_EVENT_WIDTH: Final = 14
_USER_WIDTH: Final = 10
#: Where a line goes on that is longer than the terminal: below the event.
_INDENT: Final = 10
_STYLES: Final = {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red"}

Line = Mapping[str, Any]


def follow(
    connection: Connection, path: Path, *, choice: Mapping[str, str], as_json: bool, retries: bool
) -> None:
    """Print lines until Ctrl-C, or until the service stops.

    ``choice`` has the arguments of the command ``tail``.  With ``retries`` it waits for the service to come
    back, and goes on.  Raises NotReachable when the service has stopped, and Refused.
    """
    printer = _Printer(as_json)
    while True:
        with closing(connection):
            try:
                for number, line in enumerate(connection.stream("tail", endless=True, **choice)):
                    if number:
                        printer.line(line)
                    else:
                        printer.note("following the log, times are UTC; Ctrl-C ends it")
            except NotReachable as error:
                if not retries:
                    raise
                printer.note(f"{error}; trying again every second")
        connection = _reached(path)
        printer.reconnected()
        choice = {**choice, "last": _EVERYTHING}


def _reached(path: Path) -> Connection:
    while True:
        try:
            return Connection(path)
        except NotReachable:
            time.sleep(_RETRY)


class _Printer:
    """Prints each line once, although the service repeats its last lines after a reconnection."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._out = terminal.console()
        self._newest = ""
        self._of_newest: list[Line] = []
        self._is_repeated = False

    def reconnected(self) -> None:
        """Leave out the lines that were printed before."""
        self._is_repeated = True

    def line(self, line: Line) -> None:
        if "dropped" in line:
            head = {"time": self._newest, "level": "warning", "event": "dropped", "kind": "dropped"}
            line = {**head, **line}
        elif line["time"] > self._newest:
            self._newest, self._of_newest, self._is_repeated = line["time"], [line], False
        elif self._is_repeated and (line["time"] < self._newest or line in self._of_newest):
            return
        else:
            self._of_newest.append(line)
        if self._as_json:
            print(msgspec.json.encode(line).decode(), flush=True)
        else:
            terminal.show(shown(line), to=self._out)

    def note(self, text: str) -> None:
        if self._as_json or not self._out.is_terminal:
            print(f"ami-proxy ctl: {terminal.printable(text)}", file=sys.stderr, flush=True)
        else:
            terminal.show(
                terminal.Paragraph(Text(f"-- {terminal.printable(text)}", style="dim")), to=self._out
            )


def shown(line: Line) -> terminal.Paragraph:
    """A line for people: time, event, user, what is important, then everything else as ``name=value``."""
    if line["event"] == "dropped":
        lost = f"{count(line['dropped'], 'line')} dropped: they came faster than they were read here"
        return terminal.Paragraph(Text(lost, style="bold yellow"))
    text = _DETAILS.get(line["event"], _plain)(_Fields(line))
    user = str(line.get("user") or "-")
    head = f"{line['time'][11:19]}  {line['event']:<{_EVENT_WIDTH}}  {user:<{_USER_WIDTH}}  "
    return terminal.Paragraph(
        Text(terminal.printable(head + text).rstrip(), style=_STYLES.get(line["level"], "")), _INDENT
    )


class _Fields:
    """The fields of a line; those that were taken are not among the rest."""

    def __init__(self, line: Line) -> None:
        self._left = {name: value for name, value in line.items() if name not in _ELSEWHERE}
        if line["event"] in _DETAILED:
            self._left.pop("generation", None)

    def take(self, name: str, form: Callable[[Any], str] = str) -> str:
        value = self._left.pop(name, None)
        return "" if value is None else form(value)

    def rest(self) -> Iterator[str]:
        for name, value in self._left.items():
            text = f"{value}"
            yield f'{name}="{text}"' if " " in text or not text else f"{name}={text}"


def _plain(fields: _Fields) -> str:
    reason = fields.take("reason")
    return " ".join(filter(None, (reason, *fields.rest())))


def _denied(fields: _Fields) -> str:
    action, target, rule, why = (fields.take(name) for name in ("action", "target", "rule", "why"))
    text = f"{action} {target}".strip() + f", rule {rule}" + (f": {why};" if why else "")
    return " ".join((text, *fields.rest()))


def _allowed(fields: _Fields) -> str:
    text = f"{fields.take('action')} {fields.take('target')}".strip() + f": {fields.take('result')}"
    return " ".join((text, *fields.rest()))


def _login(fields: _Fields) -> str:
    return " ".join((f"from {fields.take('peer')}", *fields.rest()))


def _closed(fields: _Fields) -> str:
    reason, seconds = fields.take("reason"), fields.take("seconds", span)
    size_in, size_out = fields.take("bytes_in", size), fields.take("bytes_out", size)
    return " ".join((f"{reason} after {seconds}, {size_in} in, {size_out} out", *fields.rest()))


def _limit(fields: _Fields) -> str:
    return " ".join((fields.take("limit"), *fields.rest()))


_DETAILS: Final[Mapping[str, Callable[[_Fields], str]]] = {
    "action-denied": _denied,
    "action-allowed": _allowed,
    "login": _login,
    "session-close": _closed,
    "limit-hit": _limit,
}
