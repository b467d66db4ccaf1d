# ruff: noqa: E501 - a session is a line
"""Sessions that place calls, follow them and end them."""

from tests.asterisk.dialogues.script import LOUD, QUIET, Dialogue, Send, Step, Until, act, dialogue, user

#: Both halves have gone, and with them the record of the call.
_OVER = (
    Until(rb"^Event: Hangup\r\n"),
    Until(rb"^Event: Hangup\r\n"),
    Until(rb"^Event: CEL\r\n(?s:.*)EventName: LINKEDID_END\r\n"),
)
_FATE = Until(rb"^Event: OriginateResponse\r\n")


def _originate(
    exten: str, *lines: str, application: str = "Wait", data: str = "0.2", limit: int = 3000
) -> bytes:
    return act(
        "Originate",
        f"Channel: Local/{exten}@lab",
        f"Application: {application}",
        f"Data: {data}",
        f"Timeout: {limit}",
        *lines,
    )


def _call(name: str, *steps: bytes | Step, begin: tuple[Step, ...] = LOUD, **more: object) -> Dialogue:
    return dialogue(name, *begin, *steps, calls=True, **more)


def _up(**more: str) -> tuple[Step, ...]:
    return (
        Send(_originate("stay", "Async: true", "ActionID: up", **{"data": "5", **more})),
        _FATE,
        Until(rb"^Event: DialEnd\r\n"),
        # The half that answers first tells the other, and announces the new state afterwards.
        Until(rb"^Event: Newstate\r\n(?:.*\r\n)*?Channel: Local/.*;2\r\nChannelState: 6\r\n"),
    )


_END = (Send(act("Hangup", "Channel: <<channel>>", "Cause: 16", "ActionID: end")), *_OVER)

CALLS = [
    _call("originate-async", _originate("quick", "Async: true", "ActionID: async"), _FATE, *_OVER),
    _call("originate-async-without-an-id", _originate("quick", "Async: yes"), _FATE, *_OVER),
    _call("originate-async-unanswered", _originate("noanswer", "Async: 1", "ActionID: a", limit=200), _FATE, *_OVER),
    _call("originate-sync", _originate("quick", "ActionID: sync"), *_OVER),
    _call("originate-sync-without-an-id", _originate("quick"), *_OVER),
    _call("originate-sync-unanswered", _originate("noanswer", "ActionID: s", "Async: no", limit=200), *_OVER),
    dialogue("originate-sync-unheard", QUIET, _originate("quick", "ActionID: s"), _originate("congestion"), act("Originate", "Channel: Local/nowhere@lab", "Application: Wait"), changes=True),
    _call("originate-variables", _originate("quick", "Async: true", "Variable: ONE=1,TWO=a b", "Variable: THREE=\"x,y\"", "Variable: none", "CallerID: \"A: b\" <123>", "Account: acc", "ActionID: v"), _FATE, *_OVER),
    _call("originate-exten", act("Originate", "Channel: Local/quick@lab", "Context: lab", "Exten: quick", "Priority: 1", "Async: true", "ActionID: e"), _FATE, *_OVER),
    _call("originate-seen-by-others", _originate("quick", "Async: true", "ActionID: o"), _FATE, *_OVER, begin=(Send(user("lab-originate", "originate")),), watchers=("proxy", "limited")),
    dialogue("originate-mistaken", QUIET, act("Originate", "ActionID: 1"), act("Originate", "Channel: Local"), _originate("quick", "Timeout: soon").replace(b"Timeout: 3000\r\n", b""), act("Originate", "Channel: Local/quick@lab", "Exten: none", "Context: lab", "Priority: 1"), act("Originate", "Channel: Local/quick@lab", "Exten: 1", "Context: lab", "Priority: x"), act("Originate", "Channel: Local/quick@lab", "Exten: 1", "Context: lab")),
    dialogue("originate-forbidden", user("lab-originate", "originate", "Events: off"), _originate("quick", "ActionID: 1", application="System", data="true"), _originate("quick", "Async: true", data="${SHELL(id)}"), differences=("refusals",)),
    _call("call-looked-at", *_up(), act("Status", "ActionID: s"), act("Status", "Channel: <<channel>>", "Variables: LAB,CHANNEL(state)"), act("CoreShowChannels", "ActionID: l"), act("Getvar", "Channel: <<channel>>", "Variable: CHANNEL"), act("CoreStatus"), act("Command", "Command: core show channels concise"), *_END),
    _call("call-changed", *_up(), act("Setvar", "Channel: <<channel>>", "Variable: SAID", "Value: zażółć"), Until(rb"^Event: VarSet\r\n(?s:.*)Variable: SAID\r\n"), act("Getvar", "Channel: <<channel>>", "Variable: SAID"), act("AbsoluteTimeout", "Channel: <<channel>>", "Timeout: 60"), act("PlayDTMF", "Channel: <<channel>>", "Digit: 5"), *_END),
    _call("call-redirected", *_up(), act("Redirect", "Channel: <<channel>>", "Context: lab", "Exten: quick", "Priority: 1", "ActionID: r"), *_OVER),
    _call("call-ended-by-pattern", *_up(), act("Hangup", "Channel: /^Local.stay@.*;1$/", "ActionID: p"), *_OVER),
    _call("dialplan-user-event", _originate("said", "Async: true", "ActionID: u"), Until(rb"^Event: UserEvent\r\n"), *_OVER),
    _call("conference", *_up(application="ConfBridge", data="900"), Until(rb"^Event: ConfbridgeJoin\r\n"), act("ConfbridgeListRooms", "ActionID: r"), act("ConfbridgeList", "Conference: 900", "ActionID: c"), act("ConfbridgeMute", "Conference: 900", "Channel: <<channel>>"), Until(rb"^Event: ConfbridgeMute\r\n"), act("ConfbridgeLock", "Conference: 900"), act("ConfbridgeKick", "Conference: 900", "Channel: <<channel>>"), *_OVER),
    _call("parked", *_up(), act("Park", "Channel: <<channel>>", "Parkinglot: default", "Timeout: 30000", "ActionID: p"), Until(rb"^Event: ParkedCall\r\n"), act("ParkedCalls", "ActionID: l"), *_END, warm=True),
    _call("queue-caller", act("QueueReset", "Queue: lab-empty"), *_up(application="Queue", data="lab-empty"), Until(rb"^Event: QueueCallerJoin\r\n"), act("QueueStatus", "Queue: lab-empty", "ActionID: q"), act("QueueSummary", "Queue: lab-empty"), *_END),
]  # fmt: skip
