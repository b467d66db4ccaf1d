"""The messages of a session, with stars and numbers for values that vary: comparable byte by byte."""

import re
from collections.abc import Iterable
from itertools import chain, groupby

#: Headers whose values differ between two equal sessions at Asterisk's own door, by the cause.
#: Sources: Asterisk's documentation of events and lists (core-en_US.xml), and observation of both doors.
_VARYING_HEADERS = {
    "what a clock says": """
        AnswerTime CallStarted CoreReloadDate CoreReloadTime CoreStartupDate CoreStartupTime CreationTime
        EndTime EventTV EventTime ExpirationTime LastCall LastPause LoggedInTime LoginTime RegExpire SentNTP
        SessionTV StartTime Timestamp""",
    "how long something has taken, is taking or may still take": """
        AnsweredTime BillableSeconds BridgedSeconds Duration DurationMs HoldTime LastReload LongestHoldTime
        NextReg OnlineTime ParkeeParkingTimeout ParkingDuration ParkingTimeout RTT RingTime RoundtripUsec
        Seconds SystemUptime TalkTime Time TimeLimit TimeToHangup Uptime Wait""",
    "what is counted since Asterisk was started": "CallsTaken CoreProcessedCalls",
    "what RTP has carried, which only its reports say": """
        CumulativeLost DLSR FractionLost HighestSequence IAJitter LSR SentOctets SentPackets SentRTP
        SequenceNumberCycles""",
    "made by chance, or an address in memory": """
        CallID Challenge CommandID PriorCallID SSRC SessionID SourceSSRC""",
}
#: In every session: Asterisk writes both ``HoldTime`` and ``Holdtime``.  RTP numbers reports before the name.
_VARYING = re.compile(
    rb"(?i)(?<=\r\n)((?:Report\d+)?(?:%b)|\w*AppLine): [^\r]*"
    % "|".join(chain.from_iterable(names.split() for names in _VARYING_HEADERS.values())).encode()
)
_ADDRESS = re.compile(rb"(?<=\r\n)((?:Local|Remote)Address: IPV4/\w+/127\.0\.0\.1)/\d+")
_TIMER = re.compile(rb"(?<=\r\n)(Variable: (?:\w+TIME|QUEUEWAIT)(?:_MS)?\r\nValue: )\d+")
#: The other channels in a conference at that time: its announcer comes and goes in a thread of its own.
_CONFERENCE = re.compile(rb"(?<=\r\nPeer: )[^\r]*(?=\r\nPeerAccount: [^\r]*\r\nExtra: [^\r]*softmix)")
_CONCISE = re.compile(rb"(?<=Output: )Local/[^\r]*")
#: Names of objects, which are numbered in the order of their first mention.
_NAMES = [
    re.compile(rb"\blab-\d{10}\.\d+"),
    re.compile(rb"(?<=-)[0-9a-f]{8}(?=;[12])"),
    re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    re.compile(rb"\b\d{10}\.\d+\b"),
]
#: Separate threads of Asterisk send these, for each channel.
_ASIDE = (
    b"Bridge",
    b"CEL",
    b"Cdr",
    b"Confbridge",
    b"OriginateResponse",
    b"ParkedCall",
    b"TestEvent",
    b"VarSet",
)
#: Sent when a thread finds that a device's state has changed since it last looked.
_NOT_COMPARED = re.compile(rb"Event: DeviceStateChange\r\nPrivilege: ")
#: It names the half of the call that was the last to leave.
_CALL_OVER = re.compile(rb"Event: CEL\r\n(?s:.*)EventName: LINKEDID_END\r\n")
_SUBJECT = re.compile(rb"\r\n(?:Channel|LocalOneChannel|DestChannel|ParkeeChannel): ([^\r]*)")
_BRIDGE = re.compile(rb"\r\nBridgeUniqueid: ([^\r]*)")
_CHANNELS = re.compile(rb"Event: (CoreShowChannel|Status)\r\n")
_EVENT = re.compile(rb"Event: ([^\r]*)\r\nPrivilege: ")

#: In a session with calls, before a response that came when a call's events had already come.
LATE = b"(after events of a call) "


def steady(messages: Iterable[bytes]) -> list[bytes]:
    """The same messages without values that vary by nature."""
    known: list[dict[bytes, bytes]] = [{} for _ in _NAMES]
    result = []
    for message in messages:
        if _NOT_COMPARED.match(message):
            continue
        text = _ADDRESS.sub(rb"\1/*", _VARYING.sub(rb"\1: *", message))
        text = _TIMER.sub(rb"\1*", _CONCISE.sub(b"*", _CONFERENCE.sub(b"*", text)))
        for numbers, pattern in zip(known, _NAMES, strict=True):
            text = pattern.sub(lambda found: numbers.setdefault(found[0], b"#%d" % (len(numbers) + 1)), text)  # noqa: B023 - called before the next turn
        result.append(text)
    return result


def by_threads(messages: Iterable[bytes]) -> list[bytes]:
    """Answers first, then the events of each thread of Asterisk, each in their order."""
    streams: dict[bytes, list[bytes]] = {b"": []}
    called = False
    for message in messages:
        event = _EVENT.match(message)
        if event is None or _CHANNELS.match(message):
            late = LATE if called and message.startswith(b"Response:") else b""
            streams[b""].append(late + message)
            continue
        called = called or event[1] == b"Newchannel"
        if _CALL_OVER.match(message):
            streams.setdefault(b"over", []).append(_CALL_OVER.match(message)[0])  # type: ignore[index]
            continue
        subject = _SUBJECT.search(message) or _BRIDGE.search(message)
        family = next((name for name in _ASIDE if event[1].startswith(name)), b"")
        key = b"%b %b" % (family, subject[1] if subject else b"")
        streams.setdefault(key, []).append(message)
    streams[b""] = _in_order(streams[b""])
    return [message for key in sorted(streams) for message in streams[key]]


def _in_order(answers: list[bytes]) -> list[bytes]:
    """With items of lists of channels sorted by name: Asterisk's order is that of a hash table."""
    ordered: list[bytes] = []
    for is_channel, items in groupby(answers, lambda message: _CHANNELS.match(message) is not None):
        run = list(items)
        ordered += sorted(run) if is_channel else run
    return ordered
