"""Headers of an event that identify its call reliably, because Asterisk itself always writes them.

Callers control many values, and Asterisk escapes only a few of them (CallerIDName,
ConnectedLineName, VarSet's Value, ChanVariable).  CallerIDNum, Language,
AccountCode, Exten, Newexten's AppData, LastData and UserField of Cdr, and names
of queue members or conferences may contain line ends, so a caller can add any
header to an event.  Three kinds of headers can still be relied on:

- the channel's name and ids with which the body begins, before any other header;
- the rest of the channel snapshot with which the body begins, recognised by the
  ChannelState after the channel's name;
- headers that Asterisk writes into every event of that name: ``ALWAYS``, taken from
  the sources of Asterisk 13 to 22.

A caller cannot keep Asterisk from writing these, so a forged one occurs twice in
the event, which makes it worthless (``read_facts`` checks for that).  Headers that
Asterisk writes only sometimes, such as SwapUniqueid or the bridge of a transfer,
are not listed: a caller could add them to events in which Asterisk does not write them.
"""

# mypyc: compiled

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_SNAPSHOT: Final = (b"channel", b"uniqueid", b"linkedid", b"context", b"accountcode")
_BRIDGE: Final = (b"bridgeuniqueid", b"bridgetechnology")

# ``@`` is a channel snapshot and ``#`` a bridge snapshot, each after its prefix.
_SHAPES: Final = """
    AgentCalled AgentComplete AgentConnect AgentDump AgentRingNoAnswer: Dest@
    AttendedTransfer: OrigTransferer@ SecondTransferer@
    BlindTransfer: Transferer@
    BridgeCreate BridgeDestroy BridgeVideoSourceUpdate: #
    BridgeEnter BridgeLeave: # @
    BridgeMerge: To# From#
    CEL: AccountCode Context Channel UniqueID LinkedID
    Cdr: AccountCode Channel UniqueID
    ChanSpyStart: Spyee@
    ConfbridgeEnd ConfbridgeRecord ConfbridgeStart ConfbridgeStopRecord: #
    ConfbridgeJoin ConfbridgeLeave ConfbridgeMute ConfbridgeTalking ConfbridgeUnmute: # @
    DeviceStateChange: Device
    DialBegin DialEnd DialState: Dest@
    LocalBridge: LocalTwo@ Context
    LocalOptimizationBegin LocalOptimizationEnd: LocalTwo@
    MeetmeJoin MeetmeLeave MeetmeMute MeetmeTalkRequest MeetmeTalking: @
    OriginateResponse: Channel Uniqueid
    PeerStatus: Peer
    Pickup: Target@
    QueueMemberAdded QueueMemberPause QueueMemberPenalty QueueMemberRemoved QueueMemberRinginuse
    QueueMemberStatus: Interface StateInterface
    Rename: Channel Newname Uniqueid
    UnParkedCall: Retriever@
"""

# The options ``timestampevents`` and ``debug`` of manager.conf and ``systemname`` of asterisk.conf put
# headers before the body of each event.
_BODY: Final = re.compile(
    rb"Event: [^\r\n]*\r?\nPrivilege: [^\r\n]*\r?\n"
    rb"(?:(?:Timestamp|SequenceNumber|File|Line|Func|SystemName): [^\r\n]*\r?\n)*"
    rb"([A-Za-z]*?)((?:Bridge)?Uniqueid|Channel): [^\r\n]*\r?\n"
    rb"(?:(\1ChannelState: [0-9])|\1(Uniqueid): [^\r\n]*\r?\n(?:\1(Linkedid): )?)?"
)


def _snapshot(prefix: bytes) -> frozenset[bytes]:
    return frozenset(prefix + header for header in _SNAPSHOT)


def _always() -> dict[bytes, frozenset[bytes]]:
    table: dict[bytes, frozenset[bytes]] = {}
    # A long list of names may continue on the next line.
    for names, _, shape in re.findall(rb"([\w\s]+?)(:) ([^\n]*)\n", _SHAPES.encode()):
        headers: frozenset[bytes] = frozenset()
        for part in shape.lower().split():
            prefix = part[:-1]
            if part.endswith(b"@"):
                headers |= _snapshot(prefix)
            elif part.endswith(b"#"):
                headers |= {prefix + header for header in _BRIDGE}
            else:
                headers |= {part}
        for name in names.split():
            table[name] = headers
    return table


#: Event name -> headers about calls and devices, in lower case, that it always has, except those of the
#: snapshot with which it begins.
ALWAYS: Final[Mapping[bytes, frozenset[bytes]]] = MappingProxyType(_always())

_NONE: Final[frozenset[bytes]] = frozenset()


def reliable_headers(name: bytes, raw: bytes) -> frozenset[bytes]:
    """The headers (in lower case) that Asterisk itself has certainly written into this broadcast event."""
    always = ALWAYS.get(name, _NONE)
    body = _BODY.match(raw)
    if body is None:
        return always
    prefix = body[1].lower()
    if body[3] is not None:
        return always | _snapshot(prefix)
    return always | {prefix + header.lower() for header in body.group(2, 4, 5) if header}
