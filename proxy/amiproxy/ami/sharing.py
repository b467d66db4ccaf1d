"""Sharing: list queries that may be asked once for several clients that send the same one.

The table is a closed set of actions that only read, and whose answer depends on nothing but the headers
listed here: not on the session that asks, and not on a function of the dialplan.  Status is in it only
without a channel or variables.
"""

# mypyc: compiled

from typing import Final

from amiproxy.ami.message import Action

_TABLE: Final = """
    Agents: -
    BridgeList: BridgeType
    ConfbridgeList: Conference
    ConfbridgeListRooms: -
    CoreSettings: -
    CoreShowChannels: -
    CoreStatus: -
    DeviceStateList: -
    ExtensionStateList: -
    IAXpeers: -
    MWIGet: Mailbox
    ParkedCalls: ParkingLot
    Parkinglots: -
    PJSIPShowAors: -
    PJSIPShowContacts: -
    PJSIPShowEndpoints: -
    PJSIPShowRegistrationsInbound: -
    PJSIPShowRegistrationsOutbound: -
    PJSIPShowSubscriptionsInbound: -
    PresenceStateList: -
    QueueStatus: Queue, Member
    QueueSummary: Queue
    SIPpeers: -
    Status: -
    VoicemailUsersList: -
"""
#: Headers that make no difference, because they are not sent to Asterisk as the client wrote them.
_ALWAYS: Final = frozenset({b"action", b"actionid", b"suppressevents"})


def _parsed(table: str) -> dict[bytes, frozenset[bytes]]:
    found: dict[bytes, frozenset[bytes]] = {}
    for row in table.split("\n"):
        name, _, headers = row.strip().lower().partition(": ")
        if name:
            read = [] if headers == "-" else headers.encode().split(b", ")
            found[name.encode()] = _ALWAYS | set(read)
    return found


#: The headers with which an action may be shared, by the action's name, all in lower case.
SHARED: Final = _parsed(_TABLE)


def shared_key(action: Action) -> bytes:
    """What two actions have in common if one answer is right for both; b"" if the action is never shared.

    It is the action as it is sent to Asterisk, without the ActionID.  A client's SuppressEvents is not sent.
    """
    allowed = SHARED.get(action.key)
    if allowed is None:
        return b""
    # As the client spells it: Asterisk repeats the name in an error.
    name = action.name
    count = len(action.headers)
    if count == 1 or (count == 2 and action.has(b"actionid")):
        return name
    if not action.has_only(allowed):
        return b""
    lines = [name]
    for header, value in action.headers:
        if (key := header.lower()) not in _ALWAYS:
            lines.append(key + b": " + value)
    return b"\n".join(lines)
