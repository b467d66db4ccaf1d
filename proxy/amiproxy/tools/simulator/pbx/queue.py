"""Queues and their agents, and the events about an agent's state."""

from dataclasses import dataclass, field

from amiproxy.tools.simulator.pbx.channel import Channel, event


@dataclass(eq=False, slots=True)
class Member:
    """One agent of a queue.

    ``in_call``: whether it serves a caller of the queue; None if its status says so.  ``since``: when it
    logged in, in seconds since the epoch; None if that was when the PBX started.
    """

    name: str
    interface: str
    penalty: int = 0
    calls_taken: int = 0
    last_call: int = 0
    status: int = 1
    paused: bool = False
    last_pause: int = 0
    reason: str = ""
    wrapup: int = 0
    in_call: bool | None = None
    since: float | None = None


@dataclass(eq=False, slots=True)
class Queue:
    """One queue with its agents and waiting callers, the first in front; each with the time it joined.

    ``service_level`` is the target in seconds, 0 if there is none; ``within`` and ``abandoned_within`` count
    the calls that were answered, or given up, within it.  ``ringing``: the callers at whose agents it rings.
    """

    name: str
    strategy: str
    members: list[Member]
    waiting: list[tuple[Channel, float]] = field(default_factory=list)
    completed: int = 0
    abandoned: int = 0
    hold_time: int = 0
    talk_time: int = 0
    service_level: int = 0
    within: int = 0
    abandoned_within: int = 0
    ringing: set[Channel] = field(default_factory=set)

    @property
    def performance(self) -> tuple[str, str]:
        """ServicelevelPerf and ServicelevelPerf2, in percent."""
        return (
            _percentage(self.within, self.completed),
            _percentage(self.within + self.abandoned_within, self.completed + self.abandoned),
        )

    def connected(self, held: int) -> None:
        """An agent has answered a caller who waited ``held`` seconds."""
        is_first = not self.completed + self.abandoned
        self.hold_time = held if is_first else (3 * self.hold_time + held) >> 2

    def completes(self, held: int, talked: int) -> None:
        """Count a call that has ended, as app_queue does."""
        self.completed += 1
        self.within += held <= self.service_level
        self.talk_time = talked if self.completed == 1 else (3 * self.talk_time + talked) >> 2

    def gives_up(self, held: int) -> None:
        """Count a caller who has given up after ``held`` seconds."""
        self.abandoned += 1
        self.abandoned_within += held <= self.service_level


def member_event(name: str, since: float, queue: Queue, member: Member) -> bytes:
    """QueueMemberStatus or QueueMemberPause, a whole message.

    ``since`` is when the agent logged in, in seconds since the epoch.
    """
    return event(
        name,
        "agent",
        ("Queue", queue.name),
        ("MemberName", member.name),
        ("Interface", member.interface),
        ("StateInterface", member.interface),
        *member_state(since, member, ring_in_use=True),
    )


def member_state(since: float, member: Member, *, ring_in_use: bool) -> list[tuple[str, object]]:
    """The headers about an agent's state; only events have ``Ringinuse``."""
    lines: list[tuple[str, object]] = [
        ("Membership", "static"),
        ("Penalty", member.penalty),
        ("CallsTaken", member.calls_taken),
        ("LastCall", member.last_call),
        ("LastPause", member.last_pause),
        ("LoginTime", int(since if member.since is None else member.since)),
        ("InCall", int(member.status == 2 if member.in_call is None else member.in_call)),
        ("Status", member.status),
        ("Paused", int(member.paused)),
        ("PausedReason", member.reason),
    ]
    if ring_in_use:
        lines.append(("Ringinuse", 1))
    return [*lines, ("Wrapuptime", member.wrapup)]


def _percentage(part: int, whole: int) -> str:
    return f"{100 * part / whole if whole else 0:.1f}"
