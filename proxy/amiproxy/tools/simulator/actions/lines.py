"""Lists of devices, extensions, endpoints and contacts; presence, which nobody has set."""

from amiproxy.tools.simulator.pbx.channel import Headers, item
from amiproxy.tools.simulator.pbx.linestates import STATES, extension_state
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Session


async def device_states(session: Session, request: Request) -> None:
    """List the states of all devices."""
    own = session.identity(request)
    items = [
        item("DeviceStateChange", *own, ("Device", device), ("State", state))
        for device, state in session.host.pbx.devices.items()
    ]
    text = "Device State Changes will follow"
    session.send_list(request, text, items, "DeviceStateListComplete")


async def extension_states(session: Session, request: Request) -> None:
    """List the extensions that have a hint."""
    pbx, own = session.host.pbx, session.identity(request)
    items = [
        item("ExtensionStatus", *own, *extension_state(pbx, line))
        for line in pbx.lines.values()
        if line.exten
    ]
    text = "Extension Statuses will follow"
    session.send_list(request, text, items, "ExtensionStateListComplete")


async def presence_states(session: Session, request: Request) -> None:
    """List the presence states; there are none."""
    text = "Presence State Changes will follow"
    session.send_list(request, text, [], "PresenceStateListComplete")


async def endpoints(session: Session, request: Request) -> None:
    """List the endpoints of PJSIP."""
    pbx, own = session.host.pbx, session.identity(request)
    items = []
    for line in pbx.lines.values():
        channels = sum(channel.device == line.device for channel in pbx.channels.values())
        about: Headers = [
            ("ObjectType", "endpoint"),
            ("ObjectName", line.name),
            ("Transport", "transport-udp"),
            ("Aor", line.name),
            ("Auths", line.name),
            ("OutboundAuths", ""),
            ("Contacts", f"{line.name}/{line.uri},"),
            ("DeviceState", STATES[pbx.devices[line.device]][0]),
            ("ActiveChannels", channels),
        ]
        items.append(item("EndpointList", *own, *about))
    text = "A listing of Endpoints follows, presented as EndpointList events"
    session.send_list(request, text, items, "EndpointListComplete")


async def contacts(session: Session, request: Request) -> None:
    """List the contacts that have registered with PJSIP."""
    own = session.identity(request)
    items = []
    for line in session.host.pbx.lines.values():
        host, _, port = line.address.rpartition(":")
        about: Headers = [
            ("ObjectType", "contact"),
            ("ObjectName", line.contact),
            ("ViaAddr", host),
            ("QualifyTimeout", "3.000000"),
            ("Qualify2xxOnly", "false"),
            ("CallId", ""),
            ("RegServer", ""),
            ("PruneOnBoot", "no"),
            ("Path", ""),
            ("Endpoint", line.name),
            ("ViaPort", port),
            ("AuthenticateQualify", "no"),
            ("Uri", line.uri),
            ("QualifyFrequency", 60),
            ("UserAgent", ""),
            ("ExpirationTime", int(session.host.pbx.clock()) + 3600),
            ("OutboundProxy", ""),
            ("Status", "Reachable" if line.is_up else "Unreachable"),
            ("RoundtripUsec", line.round_trip if line.is_up else "N/A"),
        ]
        items.append(item("ContactList", *own, *about))
    text = "A listing of Contacts follows, presented as ContactList events"
    session.send_list(request, text, items, "ContactListComplete")


ACTIONS = {
    "DeviceStateList": ("List the current known device states.", device_states),
    "ExtensionStateList": ("List the current known extension states.", extension_states),
    "PresenceStateList": ("List the current known presence states.", presence_states),
    "PJSIPShowContacts": ("Lists PJSIP Contacts.", contacts),
    "PJSIPShowEndpoints": ("Lists PJSIP endpoints.", endpoints),
}
