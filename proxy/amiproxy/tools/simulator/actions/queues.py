"""Actions on queues: status, summary, pausing an agent."""

from amiproxy.ami.values import ast_true
from amiproxy.tools.simulator.pbx.channel import item
from amiproxy.tools.simulator.pbx.queue import Queue, member_event, member_state
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Session

#: Device states of agents whom app_queue does not count as logged in: invalid and unavailable.
_AWAY = (4, 5)


async def queue_status(session: Session, request: Request) -> None:
    """List queues with their agents and callers."""
    items: list[bytes] = []
    wanted_member = request.text("Member")
    own = session.identity(request)
    now = session.host.pbx.clock()
    for queue in _wanted(session, request):
        items.append(
            item(
                "QueueParams",
                ("Queue", queue.name),
                ("Max", 0),
                ("Strategy", queue.strategy),
                ("Calls", len(queue.waiting)),
                ("Holdtime", queue.hold_time),
                ("TalkTime", queue.talk_time),
                ("Completed", queue.completed),
                ("Abandoned", queue.abandoned),
                ("ServiceLevel", queue.service_level),
                ("ServicelevelPerf", queue.performance[0]),
                ("ServicelevelPerf2", queue.performance[1]),
                ("Weight", 0),
                *own,
            )
        )
        items += [
            item(
                "QueueMember",
                ("Queue", queue.name),
                ("Name", member.name),
                ("Location", member.interface),
                ("StateInterface", member.interface),
                *member_state(session.host.pbx.started, member, ring_in_use=False),
                *own,
            )
            for member in queue.members
            if wanted_member in {"", member.interface}
        ]
        items += [
            item(
                "QueueEntry",
                ("Queue", queue.name),
                ("Position", position),
                ("Channel", channel.name),
                ("Uniqueid", channel.uniqueid),
                ("CallerIDNum", _known(channel.caller[0])),
                ("CallerIDName", _known(channel.caller[1])),
                ("ConnectedLineNum", _known(channel.connected[0])),
                ("ConnectedLineName", _known(channel.connected[1])),
                ("Wait", int(now - since)),
                ("Priority", 0),
                *own,
            )
            for position, (channel, since) in enumerate(queue.waiting, 1)
        ]
    session.send_list(request, "Queue status will follow", items, "QueueStatusComplete")


async def queue_summary(session: Session, request: Request) -> None:
    """List queues, with one item each."""
    now = session.host.pbx.clock()
    items = [
        item(
            "QueueSummary",
            ("Queue", queue.name),
            ("LoggedIn", sum(1 for member in queue.members if member.status not in _AWAY)),
            ("Available", sum(1 for member in queue.members if member.status == 1 and not member.paused)),
            ("Callers", len(queue.waiting)),
            ("HoldTime", queue.hold_time),
            ("TalkTime", queue.talk_time),
            ("LongestHoldTime", int(max((now - since for _, since in queue.waiting), default=0))),
            *session.identity(request),
        )
        for queue in _wanted(session, request)
    ]
    session.send_list(request, "Queue summary will follow", items, "QueueSummaryComplete")


async def queue_pause(session: Session, request: Request) -> None:
    """Pause or unpause an agent in one queue or in all."""
    interface, paused = request.text("Interface"), request.text("Paused")
    if not interface or not paused:
        session.refuse(request, "Need 'Interface' and 'Paused' parameters.")
        return
    pbx = session.host.pbx
    found = [
        (queue, member)
        for queue in _wanted(session, request)
        for member in queue.members
        if member.interface == interface
    ]
    if not found:
        session.refuse(request, "Interface not found")
        return
    is_paused = ast_true(paused)
    session.succeed(request, f"Interface {'paused' if is_paused else 'unpaused'} successfully")
    for queue, member in found:
        member.paused = is_paused
        member.reason = request.text("Reason") if is_paused else ""
        if is_paused:
            member.last_pause = int(pbx.clock())
        session.host.broadcast(member_event("QueueMemberPause", pbx.started, queue, member))


def _known(value: str) -> str:
    """A number or name of a caller; this list writes one that is not known without angle brackets."""
    return "unknown" if value == "<unknown>" else value


def _wanted(session: Session, request: Request) -> list[Queue]:
    name = request.text("Queue")
    return [queue for queue in session.host.pbx.queues.values() if name in {"", queue.name}]


ACTIONS = {
    "QueuePause": ("Make a queue member temporarily unavailable.", queue_pause),
    "QueueStatus": ("Show queue status.", queue_status),
    "QueueSummary": ("Show queue summary.", queue_summary),
}
