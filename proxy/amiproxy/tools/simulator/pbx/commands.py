"""The few CLI commands that the action Command can run in the simulator."""

from collections.abc import Callable

from amiproxy.tools.simulator.pbx.queue import Queue
from amiproxy.tools.simulator.pbx.state import Pbx


def run_command(pbx: Pbx, version: str, text: str) -> tuple[bool, list[str]]:
    """Whether the command is known, and the lines it prints."""
    command = " ".join(text.split())
    if command == "core show version":
        return True, [f"Asterisk {version} simulated by ami-proxy"]
    lister = _COMMANDS.get(command)
    if lister is None:
        # Asterisk shows the words with which a known command begins, and two more.
        words = command.split()
        known = sum(
            any(name.startswith(" ".join(words[:count]) + " ") for name in _COMMANDS) for count in (1, 2)
        )
        shown = " ".join(words[: known + 2])
        hint = f"(type 'core show help {shown}' for other possible commands)"
        return False, [f"No such command '{command}' {hint}"]
    return True, lister(pbx)


def _uptime(pbx: Pbx) -> list[str]:
    now = pbx.clock()
    return [f"System uptime: {_span(now - pbx.started)}", f"Last reload: {_span(now - pbx.reloaded)}"]


def _channels(pbx: Pbx) -> list[str]:
    heading = f"{'Channel':<64} {'Location':<32} {'State':<7} Application(Data)"
    rows = [
        f"{channel.name:<64} {f'{channel.exten}@{channel.context}:{channel.priority}':<32} "
        f"{'Up' if channel.answered else 'Ring':<7} {channel.application}({channel.data})"
        for channel in pbx.channels.values()
    ]
    calls = len({channel.linkedid for channel in pbx.channels.values()})
    totals = [
        f"{len(rows)} active channel{'' if len(rows) == 1 else 's'}",
        f"{calls} active call{'' if calls == 1 else 's'}",
        f"{pbx.calls_processed} call{'' if pbx.calls_processed == 1 else 's'} processed",
    ]
    return [heading, *rows, *totals]


def _concise(pbx: Pbx) -> list[str]:
    now = pbx.clock()
    return [
        f"{channel.name}!{channel.context}!{channel.exten}!{channel.priority}!"
        f"{'Up' if channel.answered else 'Ring'}!{channel.application}!{channel.data}!"
        f"{channel.caller[0]}!!!3!{now - channel.created:.0f}!{channel.bridge}!{channel.uniqueid}"
        for channel in reversed(pbx.channels.values())
    ]


def _queues(pbx: Pbx) -> list[str]:
    lines: list[str] = []
    for queue in pbx.queues.values():
        lines += [
            _queue_line(queue),
            "   Members: ",
            *(
                f"      {member.name} ({member.interface}) has taken {member.calls_taken} calls"
                for member in queue.members
            ),
            "   No Callers" if not queue.waiting else "   Callers: ",
            *(
                f"      {position}. {channel.name} (wait: 0:00, prio: 0)"
                for position, (channel, _) in enumerate(queue.waiting, 1)
            ),
            "",
        ]
    return lines


def _queue_line(queue: Queue) -> str:
    return (
        f"{queue.name} has {len(queue.waiting)} calls (max unlimited) in '{queue.strategy}' strategy "
        f"({queue.hold_time}s holdtime, {queue.talk_time}s talktime), "
        f"W:0, C:{queue.completed}, A:{queue.abandoned}, SL:{queue.performance[0]}%, "
        f"SL2:{queue.performance[1]}% within {queue.service_level}s"
    )


def _span(seconds: float) -> str:
    units = (("hour", 3600), ("minute", 60), ("second", 1))
    parts: list[str] = []
    left = int(seconds)
    for name, size in units:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return ", ".join(parts) or "0 seconds"


_COMMANDS: dict[str, Callable[[Pbx], list[str]]] = {
    "core show uptime": _uptime,
    "core show channels": _channels,
    "core show channels concise": _concise,
    "queue show": _queues,
}
