"""What came in a session, with stars and numbers for what is different each time: comparable by bytes."""

import re
from collections.abc import Iterable
from itertools import chain, groupby

#: Headers whose values differ between two equal sessions at Asterisk's own door, by what makes them differ.
#: Sources: Asterisk's documentation of events and lists (core-en_US.xml), and what the doors have shown.
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
#: In any case: Asterisk writes both ``HoldTime`` and ``Holdtime``.  RTP numbers its reports before the name.
_VARYING = re.compile(
    rb"(?i)(?<=\r\n)((?:Report\d+)?(?:%b)|\w*AppLine): [^\r]*"
    % "|".join(chain.from_iterable(names.split() for names in _VARYING_HEADERS.values())).encode()
)
_ADDRESS = re.compile(rb"(?<=\r\n)((?:Local|Remote)Address: IPV4/\w+/127\.0\.0\.1)/\d+")
_TIMER = re.compile(rb"(?<=\r\n)(Variable: (?:\w+TIME|QUEUEWAIT)(?:_MS)?\r\nValue: )\d+")
#: Who else is in a conference at the moment: its announcer comes and goes in a thread of its own.
_CONFERENCE = re.compile(rb"(?<=\r\nPeer: )[^\r]*(?=\r\nPeerAccount: [^\r]*\r\nExtra: [^\r]*softmix)")
_CONCISE = re.compile(rb"(?<=Output: )Local/[^\r]*")
#: Names of things, which are numbered in the order of their first mention.
_NAMES = [
    re.compile(rb"\blab-\d{10}\.\d+"),
    re.compile(rb"(?<=-)[0-9a-f]{8}(?=;[12])"),
    re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    re.compile(rb"\b\d{10}\.\d+\b"),
]
#: Threads of their own in Asterisk tell of these, and of each channel.
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
#: Told when a thread finds that a device's state is another one than when it last looked.
_NOT_COMPARED = re.compile(rb"Event: DeviceStateChange\r\nPrivilege: ")
#: It names the half of the call that was the last to go.
_CALL_OVER = re.compile(rb"Event: CEL\r\n(?s:.*)EventName: LINKEDID_END\r\n")
_SUBJECT = re.compile(rb"\r\n(?:Channel|LocalOneChannel|DestChannel|ParkeeChannel): ([^\r]*)")
_BRIDGE = re.compile(rb"\r\nBridgeUniqueid: ([^\r]*)")
_CHANNELS = re.compile(rb"Event: (CoreShowChannel|Status)\r\n")
_EVENT = re.compile(rb"Event: ([^\r]*)\r\nPrivilege: ")

#: In a session with calls, before a response that came when a call's events had come already.
LATE = b"(after events of a call) "


def steady(messages: Iterable[bytes]) -> list[bytes]:
    """The same messages without what varies by nature."""
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
    """With items of lists of channels in the order of their names: Asterisk's is that of a hash table."""
    ordered: list[bytes] = []
    for is_channel, items in groupby(answers, lambda message: _CHANNELS.match(message) is not None):
        run = list(items)
        ordered += sorted(run) if is_channel else run
    return ordered
