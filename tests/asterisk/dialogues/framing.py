# ruff: noqa: E501 - a session is a line
"""Sessions about the bytes themselves: line ends, blanks, repeated headers, limits, ActionIDs, many at once."""

from tests.asterisk.dialogues.script import LOUD, QUIET, EndOfStream, Send, Until, act, dialogue

_SEEN = Until(rb"^Event: UserEvent\r\n")
_ID = b"Action: Ping\r\nActionID: "


def _event(*lines: bytes) -> bytes:
    return b"\r\n".join([b"Action: UserEvent", b"ActionID: u", b"UserEvent: Odd", *lines, b"", b""])


FRAMING = [
    dialogue("line-feeds", QUIET, b"Action: Ping\nActionID: 1\n\n", b"Action: Ping\r\nActionID: 2\n\r\n", b"Action: Ping\nActionID: 3\r\n\n"),
    dialogue("blanks-around-the-colon", QUIET, b"Action:Ping\r\nActionID:1\r\n\r\n", b"Action:  \t Ping\r\nActionID: \t2\r\n\r\n", b"Action : Ping\r\nActionID: 3\r\n\r\n", b" Action: Ping\r\nActionID: 4\r\n\r\n", b"Action: Ping\r\nActionID : 5\r\n\r\n"),
    dialogue("blanks-behind", QUIET, b"Action: Ping \r\nActionID: 1\r\n\r\n", b"Action: Ping\r\nActionID: 2 \t\r\n\r\n"),
    dialogue("any-case", QUIET, b"aCTION: pING\r\nACTIONid: Aa\r\n\r\n", b"ACTION: GETVAR\r\nvariable: LAB\r\n\r\n"),
    dialogue("headers-repeated", QUIET, b"Action: Ping\r\nActionID: 1\r\nActionID: 2\r\n\r\n", b"Action: Ping\r\nActionID:\r\nActionID: 2\r\n\r\n", b"Action:\r\nAction: Ping\r\nActionID: 3\r\n\r\n", b"Action: Getvar\r\nVariable: LAB\r\nVariable: NONE\r\n\r\n", b"Action: Ping\r\nAction: Logoff\r\n\r\n"),
    dialogue("no-action", QUIET, b"\r\n", b"ActionID: 1\r\n\r\n", b"no colon\r\n\r\n", b"Action:\r\n\r\n"),
    dialogue("blank-lines-between", QUIET, Send(b"\r\n\r\n\r\n" + act("Ping", "ActionID: 1"), answers=4)),
    dialogue("lines-without-a-colon", QUIET, b"Action: Ping\r\nwhat\r\nActionID: 1\r\n=\r\n\r\n"),
    dialogue("line-of-1022", QUIET, b"Action: Ping\r\nActionID: 1\r\nX: " + b"y" * 1019 + b"\r\n\r\n"),
    dialogue("line-of-1024", QUIET, b"Action: Ping\r\nActionID: 1\r\nX: " + b"y" * 1021 + b"\r\n\r\n"),
    dialogue("line-of-5000", QUIET, b"Action: Ping\r\nActionID: 1\r\nX: " + b"y" * 4997 + b"\r\n\r\n"),
    dialogue("line-of-1023", QUIET, Send(b"Action: Ping\r\nActionID: 1\r\nX: " + b"y" * 1020 + b"\r\nAction: Ping\r\nActionID: 2\r\n\r\n"), differences=("rest-of-a-block",)),
    dialogue("headers-128", QUIET, b"Action: Ping\r\nActionID: 1\r\n" + b"X: y\r\n" * 126 + b"\r\n"),
    dialogue("headers-129", QUIET, b"Action: Ping\r\nActionID: 1\r\n" + b"X: y\r\n" * 127 + b"\r\n"),
    dialogue("action-name-of-600", QUIET, act("N" * 600, "ActionID: 1"), act("N" * 511)),
    dialogue("action-ids", QUIET, *(_ID + one + b"\r\n\r\n" for one in (b"x" * 64, b"0", b"--a--", b"a b  c", b"a: b", b"a\tb", b"za\xc5\xbc\xc3\xb3", b"\xff\xfe\xa0", b"<>&\"'%s%n", b"\"q\""))),
    dialogue("action-ids-long", QUIET, *(_ID + b"i" * length + b"\r\n\r\n" for length in (128, 256, 257, 512, 1011))),
    dialogue("action-ids-long-in-a-list", QUIET, *(act(name, "ActionID: " + "i" * length) for name in ("CoreSettings", "Events", "CoreShowChannels") for length in (130, 300)), differences=("long-action-ids",)),
    dialogue("pipelined", QUIET, Send(b"".join(act(name, f"ActionID: {number}", "Variable: LAB", "Family: lab", "Key: none") for number in range(5) for name in ("Getvar", "Ping", "NoSuch", "DBGet", "CoreShowChannels")), answers=25)),
    dialogue("login-and-more-in-one-write", Send(QUIET.data + act("Ping", "ActionID: 1") + act("Getvar", "Variable: LAB", "ActionID: 2") + act("Logoff"), answers=4), EndOfStream()),
    dialogue("nul-in-a-line", QUIET, Send(b"Action: Ping\r\nActionID: 1\0x\r\n\r\n"), differences=("control-bytes",)),
    dialogue("cr-in-a-line", QUIET, Send(b"Action: Ping\r\nActionID: 1\rx\r\n\r\n"), differences=("control-bytes",)),
    dialogue("control-byte-in-a-line", QUIET, Send(b"Action: Ping\r\nActionID: 1\x07\r\n\r\n"), differences=("control-bytes",)),
    dialogue("user-event-lines", *LOUD, _event(b"no colon", b"key:value", b"url:http://pbx.example.org:8080/x", b"tab:\tx", b"two:  b", b"end: x  ", b"  lead: 1", b"\ttab: 2", b"inner \t: 3", b" ", b": nameless", b"na\xc3\xafve: 1", b"\xff\xfe: \x85\xa0", b"a=b", b"Variable", b"Events: 1"), _SEEN),
    dialogue("user-event-repeated", *LOUD, _event(b"A: 1", b"a: 2", b"A: 3", b"UserEvent: other", b"Empty:", b"Blank: "), _SEEN, b"Action: UserEvent\r\nA: 1\r\nUserEvent: Order\r\nActionID: mid dle\r\nB: 2\r\n\r\n", _SEEN),
    dialogue("user-event-with-lf", *LOUD, b"Action: UserEvent\nUserEvent: Lf\nA: 1\n B: 2\n\n", _SEEN),
    dialogue("user-event-without-a-name", *LOUD, act("UserEvent", "ActionID: 1", "A: 1"), act("UserEvent", "UserEvent:", "B: 1"), _SEEN),
    dialogue("user-event-long", *LOUD, _event(b"l" * 1022, b"L: " + b"x" * 1019), _SEEN, _event(*(b"N: %d" % number for number in range(125))), _SEEN),
    dialogue("user-event-with-a-frame", QUIET, *(_event(line) for line in (b"Event: Hangup", b"Response: Success", b"Privilege: all", b"EventList: Complete", b" event : x")), differences=("refusals",)),
]  # fmt: skip
