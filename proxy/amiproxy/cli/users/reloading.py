"""Has the running service read the users again, and says what became of their sessions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amiproxy.cli import configured
from amiproxy.cli.ctl.connection import Connection, NoService, NotReachable, Refused
from amiproxy.config.loading import load_control
from amiproxy.core.model.users import folded
from amiproxy.counted import count
from amiproxy.tools import terminal
from amiproxy.tools.terminal import printable


def reloaded(config: Path | None, names: Sequence[str]) -> int:
    """Reload over the control socket that a proxy.yaml names, and report it; ``names`` are users' names.

    Returns the exit status: 0 if the service has the new users, or if none runs; 1 if it refuses them, or
    if it cannot be asked.
    """
    if config is None:
        terminal.say("not reloaded: no proxy.yaml is known that names this file; give it with --config")
        return 0
    control = load_control(config)
    if control is None or control.socket.path is None:
        lacks = "has no control section" if control is None else "takes its control socket from systemd"
        terminal.say(f"not reloaded: {config} {lacks}; use: systemctl reload ami-proxy")
        return 0
    try:
        connection = Connection(control.socket.path)
        try:
            before = sessions_of(connection, names)
            report = connection.ask("reload")
            after = sessions_of(connection, names)
        finally:
            connection.close()
    except NoService:
        terminal.say(f"not reloaded: no service runs with {config}; it will read the users when it starts")
        return 0
    except NotReachable as error:
        terminal.error(f"not reloaded: {error}")
        return 1
    except Refused as refused:
        _explain(refused, config)
        return 1
    for line in _outcome(report, before, after, names):
        terminal.say(printable(line))
    return 0


def sessions_of(connection: Connection, names: Sequence[str]) -> dict[bytes, int]:
    """The number of sessions of each of these users that the service knows, by its folded name."""
    wanted = set(map(folded, names))
    return {
        folded(row["name"]): row["sessions"]
        for row in connection.ask("users")
        if folded(row["name"]) in wanted
    }


def _outcome(
    report: dict[str, Any], before: dict[bytes, int], after: dict[bytes, int], names: Sequence[str]
) -> list[str]:
    changed = {*report["users_added"], *report["users_removed"], *report["users_changed"]}
    if not set(map(folded, changed)) & set(map(folded, names)):
        return ["reloaded, but the service found no change: does it run with another proxy.yaml?"]
    lines = []
    for name in dict.fromkeys(names):
        had, has = before.get(folded(name), 0), after.get(folded(name), 0)
        if had > has:
            lines.append(f"reloaded: {count(had - has, 'session')} of {name} closed")
        if has:
            lines.append(f"reloaded: {count(has, 'session')} of {name} continued with the new rights")
    return lines or ["reloaded"]


def _explain(refused: Refused, config: Path) -> None:
    given = "" if config == configured.DEFAULT_CONFIG else f" --config {config}"
    for problem in refused.problems:
        terminal.error(printable(problem))
    terminal.error(
        f"the file is written, but the service refused it: {printable(str(refused))}\n"
        f"correct what is said above, then: ami-proxy ctl reload{given}"
    )
