"""The forms of queues, their members and their callers in ``QueueStatus``, and the events that tell them."""

# mypyc: compiled

from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.kinds.channelfields import facts_as
from amiproxy.core.history.state.item import Values, carrier, form

#: Events that tell all of a member, except that it has been removed.
MEMBER_EVENTS = (
    b"QueueMemberAdded QueueMemberStatus QueueMemberPause QueueMemberPenalty QueueMemberRinginuse"
).split()
_MEMBER_TOLD = (
    "Queue Name=MemberName Location=Interface StateInterface Membership Penalty CallsTaken LastCall LastPause"
    " LoginTime InCall Status Paused PausedReason Wrapuptime"
)
_CALLER = "Channel Uniqueid CallerIDNum CallerIDName ConnectedLineNum ConnectedLineName"


def _headers(told: str) -> dict[bytes, bytes]:
    pairs = [name.encode().partition(b"=") for name in told.split()]
    return {name: header or name for name, _, header in pairs}


#: The fields of a member and of a caller -> the headers of events that tell them.
MEMBER_HEADERS = _headers(_MEMBER_TOLD)
CALLER_HEADERS = _headers(_CALLER)


def _queue_facts(_values: Values) -> CallFacts:
    # A queue is about calls, but not about certain ones: its events go to those who may see all calls.
    return CallFacts((), (), (), (), (), b"", unclear=True)


def _member_facts(values: Values) -> CallFacts:
    return facts_as(b"QueueMemberStatus", MEMBER_HEADERS, values)


def spelled_as_event(values: Values) -> Values:
    """The values of a caller as events write them."""
    return {name: b"<unknown>" if value == b"unknown" else value for name, value in values.items()}


def _caller_facts(values: Values) -> CallFacts:
    return facts_as(b"QueueCallerJoin", CALLER_HEADERS, values)


#: Completed is not compared: calls of members that are removed, transferred and optimised away at the same
#: time cannot always be told apart.
QUEUE = form(
    b"QueueParams",
    "Queue Max Strategy Calls Holdtime TalkTime Completed Abandoned ServiceLevel ServicelevelPerf"
    " ServicelevelPerf2 Weight",
    "Queue",
    "Calls Abandoned",
    [
        carrier(b"QueueCallerJoin", b"agent", "Queue Calls=Count"),
        carrier(b"QueueCallerLeave", b"agent", "Queue Calls=Count"),
        carrier(b"QueueCallerAbandon", b"agent", "Queue Abandoned"),
        carrier(b"AgentConnect", b"agent", "Queue Holdtime"),
        carrier(
            b"AgentComplete",
            b"agent",
            "Queue TalkTime Completed ServicelevelPerf ServicelevelPerf2",
        ),
        *[carrier(event, b"agent", "Queue") for event in MEMBER_EVENTS],
    ],
    _queue_facts,
)
#: LastCall is not compared: no event tells it when a call ends whose member has no device state.
MEMBER = form(
    b"QueueMember",
    "Queue Name Location StateInterface Membership Penalty CallsTaken LastCall LastPause LoginTime InCall"
    " Status Paused PausedReason Wrapuptime",
    "Queue Location",
    "Name StateInterface Membership Penalty CallsTaken LastPause LoginTime InCall Status Paused PausedReason"
    " Wrapuptime",
    [
        *[carrier(event, b"agent", _MEMBER_TOLD) for event in MEMBER_EVENTS],
        carrier(b"AgentConnect", b"agent", "Queue Name=MemberName Location=Interface InCall"),
        carrier(b"AgentComplete", b"agent", "Queue Name=MemberName Location=Interface InCall CallsTaken"),
    ],
    _member_facts,
)
#: ``Wait`` is computed when the list is asked.
CALLER = form(
    b"QueueEntry",
    f"Queue Position {_CALLER} Wait Priority",
    "Queue Uniqueid",
    f"Position {_CALLER}",
    [
        carrier(event, b"agent", f"{_CALLER} Queue Position", spelled=spelled_as_event)
        for event in (b"QueueCallerJoin", b"QueueCallerLeave", b"QueueCallerAbandon")
    ],
    _caller_facts,
)
