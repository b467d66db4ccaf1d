"""Call facts: what one event says about which call it belongs to.

Only headers count that Asterisk itself always writes into such an event
(``proxy.ami.identity``), and only where all occurrences agree: a UserEvent's
payload, or a line end in a value that a caller fills, could claim any call's id.
"""

import re
from typing import Final, NamedTuple

from proxy.ami.identity import reliable_headers

#: Events that join several channels, or a channel and a bridge, into one call.
_LINKING: Final = re.compile(
    rb"(?:Dial|Bridge|Local|AgentCalled|AgentConnect|AgentComplete|AttendedTransfer|BlindTransfer|Pickup|UnParkedCall)"
)
#: Written by clients or by the dialplan, payload and all: they may ask for a call, and tell nothing of it.
_CLAIMING: Final = frozenset({b"UserEvent"})
#: Events that tell of no call and of nobody's telephone being busy.  A list of these, and not of the others:
#: an event may tell of a call by a device, an extension or a conference alone.
_OF_NO_CALL: Final = frozenset(
    b"""Alarm AlarmClear AuthMethodNotAllowed ChallengeResponseFailed ChallengeSent ContactStatus FailedACL
    FullyBooted InvalidAccountID InvalidPassword InvalidTransport JabberStatus Load LoadAverageLimit
    LogChannel MemoryLimit MessageWaiting ModuleLoadReport PeerStatus Registry Reload RequestBadFormat
    RequestNotAllowed RequestNotSupported SessionLimit Shutdown SpanAlarm SpanAlarmClear SuccessfulAuth
    UnexpectedAddress Unload UserEvent""".split()
)
#: The proxy's own are about the link and the server.
_OURS: Final = b"Proxy"
#: Records of a call, written in their own time: they come before its first event and after its last.
_RECORDS: Final = frozenset({b"CEL", b"Cdr"})

_HEADER: Final = re.compile(
    rb"\n([A-Za-z]*?)(Uniqueid|Linkedid|Channel|Context|AccountCode|Newname|Device|Interface|Peer"
    rb"|BridgeTechnology): *([^\r\n]*)",
    re.IGNORECASE,
)
_EVENT: Final = re.compile(rb"Event: *([^\r\n]*)")
_SUFFIX: Final = re.compile(rb"-[0-9a-fA-F]{1,16}(?:;[12])?\Z")
_UNKNOWN: Final = frozenset({b"", b"<unknown>", b"<none>"})
_CALL_IDS: Final = (b"uniqueid", b"linkedid")


class CallFacts(NamedTuple):
    """``ids`` are those of the call's channels and bridge, ``linked`` its Linkedids: all one call.

    ``devices``, ``contexts`` and ``accountcodes`` are those of the call's
    channels; ``devices`` also those an event of no call is about.  ``ended`` is
    the id of the channel or bridge that is no more.  ``claims``: what the event
    says of a call is not Asterisk's word; ``records``: nor does it say that the
    call is still there.  ``unclear``: it is about some call, and does not say
    reliably which.  ``of_no_call``: by its name it tells of no call.
    """

    ids: tuple[bytes, ...]
    linked: tuple[bytes, ...]
    devices: tuple[bytes, ...]
    contexts: tuple[bytes, ...]
    accountcodes: tuple[bytes, ...]
    ended: bytes
    claims: bool = False
    records: bool = False
    unclear: bool = False
    of_no_call: bool = False


def device_of(channel: bytes) -> bytes:
    """``PJSIP/100`` of the channel ``PJSIP/100-0000002a``."""
    return _SUFFIX.sub(b"", channel)


def read_facts(raw: bytes) -> CallFacts:
    """The facts in one event, as Asterisk sent it."""
    found = _EVENT.match(raw)
    name = found.group(1) if found else b""
    if name in _CLAIMING:
        return _claim(raw)
    reliable = reliable_headers(name, raw)
    first: dict[bytes, bytes] = {}
    doubtful: set[bytes] = set()
    names_call = False
    for prefix, header, value in _HEADER.findall(raw):
        key = (prefix + header).lower()
        names_call = names_call or (value not in _UNKNOWN and key.endswith(_CALL_IDS))
        if key in reliable and first.setdefault(key, value) != value:
            doubtful.add(key)
    known = {k: v for k, v in first.items() if k not in doubtful and v not in _UNKNOWN}
    holding = known.get(b"bridgetechnology") == b"holding_bridge" or b"bridgetechnology" in doubtful
    linking = not holding and _LINKING.match(name) is not None
    ids = _ids(known, linking)
    linked = _values(known, linking, b"linkedid")
    ended = b""
    if name == b"Hangup":
        ended = known.get(b"uniqueid", b"")
    elif name == b"BridgeDestroy":
        ended = known.get(b"bridgeuniqueid", b"")
    return CallFacts(
        ids,
        linked,
        tuple(map(device_of, _values(known, linking or not ids, b"channel")))
        + tuple(map(device_of, _values(known, False, b"newname")))
        + (() if ids else tuple(_device_names(known))),
        _values(known, linking, b"context"),
        _values(known, linking, b"accountcode"),
        ended,
        records=name in _RECORDS,
        unclear=names_call and not ids and not linked,
        of_no_call=name in _OF_NO_CALL or name.startswith(_OURS),
    )


def _claim(raw: bytes) -> CallFacts:
    own = {
        value for prefix, header, value in _HEADER.findall(raw) if (prefix + header).lower() == b"uniqueid"
    }
    if len(own) == 1:
        return CallFacts(tuple(own - _UNKNOWN), (), (), (), (), b"", claims=True)
    return CallFacts((), (), (), (), (), b"", claims=True, unclear=bool(own), of_no_call=not own)


def _ids(first: dict[bytes, bytes], linking: bool) -> tuple[bytes, ...]:
    ids = [value for header, value in first.items() if header.endswith(b"uniqueid")]
    if linking:
        return tuple(dict.fromkeys(ids))
    # Without a Uniqueid there is ParkeeUniqueid, SpyerUniqueid …: of that channel's call, and joins nothing.
    own = first.get(b"uniqueid")
    return (own,) if own else tuple(ids[:1])


def _values(first: dict[bytes, bytes], every: bool, header: bytes) -> tuple[bytes, ...]:
    if every:
        return tuple(value for name, value in first.items() if name.endswith(header))
    return (first[header],) if header in first else ()


def _device_names(first: dict[bytes, bytes]) -> list[bytes]:
    return [
        first[header] for header in (b"device", b"interface", b"stateinterface", b"peer") if header in first
    ]
