"""States of devices: of a line, of its extension, and of the agents who sit there.

A device has the state that its channels give it together (``ast_devstate_aggregate_result``), and
Asterisk sends events only when that changes.
"""

from amiproxy.tools.simulator.pbx.channel import BUSY, RING, RINGING, UP, event
from amiproxy.tools.simulator.pbx.line import Line
from amiproxy.tools.simulator.pbx.queue import member_event
from amiproxy.tools.simulator.pbx.state import Pbx

#: Device state -> DeviceState of an endpoint, Status of a queue's member, Status and StatusText of a hint.
STATES = {
    "NOT_INUSE": ("Not in use", 1, 0, "Idle"),
    "INUSE": ("In use", 2, 1, "InUse"),
    "BUSY": ("Busy", 3, 2, "Busy"),
    "UNAVAILABLE": ("Unavailable", 5, 4, "Unavailable"),
    "RINGING": ("Ringing", 6, 8, "Ringing"),
    "RINGINUSE": ("Ring+Inuse", 7, 9, "InUse&Ringing"),
}
CONTEXT = "from-internal"


def line_events(pbx: Pbx, line: Line) -> list[bytes]:
    """Let a line have the state of its channels; returns the events about it, none if nothing changes."""
    state = _state(pbx, line)
    if pbx.devices.get(line.device) == state:
        return []
    pbx.devices[line.device] = state
    events = [device_event(line.device, state)]
    if line.exten:
        events.append(event("ExtensionStatus", "call", *extension_state(pbx, line)))
    for queue in pbx.queues.values():
        for member in queue.members:
            if member.interface == line.device:
                member.status = STATES[state][1]
                events.append(member_event("QueueMemberStatus", pbx.started, queue, member))
    return events


def device_event(device: str, state: str) -> bytes:
    """A DeviceStateChange event."""
    return event("DeviceStateChange", "call", ("Device", device), ("State", state))


def extension_state(pbx: Pbx, line: Line) -> list[tuple[str, object]]:
    """The headers about the extension of a line, in an event or a list."""
    _, _, status, text = STATES[pbx.devices[line.device]]
    return [
        ("Exten", line.exten),
        ("Context", CONTEXT),
        ("Hint", line.device),
        ("Status", status),
        ("StatusText", text),
    ]


def contact_events(line: Line) -> list[bytes]:
    """The events when the contact of a line has gone, or is there again, as ``is_up`` says."""
    told = [
        ("URI", line.uri),
        ("ContactStatus", "Reachable" if line.is_up else "Unreachable"),
        ("AOR", line.name),
        ("EndpointName", line.name),
        ("RoundtripUsec", line.round_trip if line.is_up else 0),
    ]
    status = "Reachable" if line.is_up else "Unreachable"
    peer = [("ChannelType", "PJSIP"), ("Peer", line.device), ("PeerStatus", status)]
    return [event("ContactStatus", "system", *told), event("PeerStatus", "system", *peer)]


def _state(pbx: Pbx, line: Line) -> str:
    states = {channel.state for channel in pbx.channels.values() if channel.device == line.device}
    is_used = states & {RING, UP}
    if RINGING in states:
        return "RINGINUSE" if is_used else "RINGING"
    if is_used:
        return "INUSE"
    if BUSY in states:
        return "BUSY"
    return "NOT_INUSE" if line.is_up else "UNAVAILABLE"
