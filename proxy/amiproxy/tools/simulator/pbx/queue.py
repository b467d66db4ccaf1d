"""Queues and their agents, and the events about an agent's state."""

from dataclasses import dataclass, field

from amiproxy.tools.simulator.pbx.channel import Channel, event


@dataclass(eq=False, slots=True)
class Member:
    """One agent of a queue."""

    name: str
    interface: str
    penalty: int = 0
    calls_taken: int = 0
    last_call: int = 0
    status: int = 1
    paused: bool = False
    last_pause: int = 0


@dataclass(eq=False, slots=True)
class Queue:
    """One queue with its agents and waiting callers, the first in front; each with the time it joined."""

    name: str
    strategy: str
    members: list[Member]
    waiting: list[tuple[Channel, float]] = field(default_factory=list)
    completed: int = 0
    abandoned: int = 0
    hold_time: int = 0
    talk_time: int = 0


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
        ("LoginTime", int(since)),
        ("InCall", int(member.status == 2)),
        ("Status", member.status),
        ("Paused", int(member.paused)),
        ("PausedReason", ""),
    ]
    if ring_in_use:
        lines.append(("Ringinuse", 1))
    return [*lines, ("Wrapuptime", 0)]
