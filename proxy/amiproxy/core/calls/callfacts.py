"""Call facts: what one event says about the call it belongs to.

A header counts only if Asterisk itself always writes it into events of this name
(``amiproxy.ami.identity``), and only if all its occurrences agree: the payload of a UserEvent, or a line
end in a value that a caller controls, could claim the id of any call.
"""

# mypyc: compiled

import re
from typing import Final, NamedTuple

from amiproxy.ami.identity import reliable_headers

#: Events that join several channels, or a channel and a bridge, into one call.
_LINKING: Final = re.compile(
    rb"(?:Dial|Bridge|Local|AgentCalled|AgentConnect|AgentComplete|AttendedTransfer|BlindTransfer|Pickup|UnParkedCall)"
)
#: Events whose whole payload clients or the dialplan write: they may name a call, but prove nothing of it.
_CLAIMING: Final = frozenset({b"UserEvent"})
#: Events that say nothing about a call, nor that a device is in use.  These are listed, and not the others,
#: because an event may reveal a call by a device, an extension or a conference alone.
_OF_NO_CALL: Final = frozenset(
    b"""Alarm AlarmClear AuthMethodNotAllowed ChallengeResponseFailed ChallengeSent ContactStatus FailedACL
    FullyBooted InvalidAccountID InvalidPassword InvalidTransport JabberStatus Load LoadAverageLimit
    LogChannel MemoryLimit MessageWaiting ModuleLoadReport PeerStatus Registry Reload RequestBadFormat
    RequestNotAllowed RequestNotSupported SessionLimit Shutdown SpanAlarm SpanAlarmClear SuccessfulAuth
    UnexpectedAddress Unload UserEvent""".split()
)
#: Prefix of the proxy's own events, which are about the link and the server.
_OURS: Final = b"Proxy"
#: Records of a call, which Asterisk writes independently: also before its first event and after its last.
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
    """What one event says about its call.

    - ``ids``: ids of the call's channels and bridge; ``linked``: its Linkedids.  All are one call.
    - ``devices``, ``contexts``, ``accountcodes``: those of the call's channels; ``devices`` also those
      that an event without a call is about.
    - ``ended``: the id of the channel or bridge that ended, or b"".
    - ``claims``: what the event says about a call was not written by Asterisk.
    - ``records``: the event does not show that the call still exists.
    - ``unclear``: the event is about some call, but does not say reliably which.
    - ``of_no_call``: by its name, the event says nothing about a call.
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
    """The device of a channel: ``PJSIP/100`` for ``PJSIP/100-0000002a``."""
    return _SUFFIX.sub(b"", channel)


def read_facts(raw: bytes) -> CallFacts:
    """The facts in one event; ``raw`` is the whole event as Asterisk sent it."""
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
    # Events without a Uniqueid have ParkeeUniqueid, SpyerUniqueid …: that channel's call, joined to no other.
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
