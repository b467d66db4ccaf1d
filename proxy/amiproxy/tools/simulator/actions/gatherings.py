"""Lists of parked calls, conferences, and agents of app_agent_pool, of whom there are none."""

from amiproxy.tools.simulator.pbx.channel import item
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Session


async def agents(session: Session, request: Request) -> None:
    """List the agents of app_agent_pool; all agents are members of queues instead."""
    session.send_list(request, "Agents will follow", [], "AgentsComplete")


async def parked_calls(session: Session, request: Request) -> None:
    """List the parked calls."""
    pbx, own = session.host.pbx, session.identity(request)
    items = [
        item("ParkedCall", *parked.snapshot(pbx.clock()), *own) for _, parked in sorted(pbx.parked.items())
    ]
    total = ("Total", len(items))
    session.send_list(request, "Parked calls will follow", items, "ParkedCallsComplete", total)


async def conferences(session: Session, request: Request) -> None:
    """List the conferences."""
    rooms, own = session.host.pbx.rooms, session.identity(request)
    if not rooms:
        session.refuse(request, "No active conferences.")
        return
    items = [
        item(
            "ConfbridgeListRooms",
            *own,
            ("Conference", name),
            ("Parties", len(bridge.channels)),
            ("Marked", 0),
            ("Locked", "No"),
            ("Muted", "No"),
        )
        for name, bridge in rooms.items()
    ]
    text = "Confbridge conferences will follow"
    session.send_list(request, text, items, "ConfbridgeListRoomsComplete")


async def participants(session: Session, request: Request) -> None:
    """List the participants of a conference."""
    pbx, own = session.host.pbx, session.identity(request)
    name = request.text("Conference")
    if not name:
        session.refuse(request, "No Conference name provided.")
        return
    bridge = pbx.rooms.get(name)
    if bridge is None:
        session.refuse(request, "No Conference by that name found.")
        return
    flags = ("Admin", "MarkedUser", "WaitMarked", "EndMarked", "EndMarkedAny", "Waiting", "Muted", "Talking")
    items = [
        item(
            "ConfbridgeList",
            *own,
            ("Conference", name),
            *((flag, "No") for flag in flags),
            ("AnsweredTime", int(pbx.clock() - channel.answered)),
            *channel.snapshot(),
        )
        for channel in bridge.channels
    ]
    text = "Confbridge user list will follow"
    session.send_list(request, text, items, "ConfbridgeListComplete")


ACTIONS = {
    "Agents": ("Lists agents and their status.", agents),
    "ConfbridgeList": ("List participants in a conference.", participants),
    "ConfbridgeListRooms": ("List active conferences.", conferences),
    "ParkedCalls": ("List parked calls.", parked_calls),
}
