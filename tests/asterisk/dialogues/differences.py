# ruff: noqa: E501 - rows of a page
"""Where the proxy's answers and events differ from Asterisk's, and why; the tests allow nothing else.

A difference takes the transcripts of both doors, Asterisk's first, and returns
them without itself; differences that it does not explain remain.  ``make reference``
writes deploy/differences.md from the list.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.asterisk.ajam import differences as ajam

PAGE = Path(__file__).parents[3] / "deploy/differences.md"

Transcript = list[bytes]
Both = tuple[Transcript, Transcript]


@dataclass(frozen=True)
class Difference:
    """``everywhere``: it may occur in any session, and need not be named there."""

    name: str
    asterisk: str
    ours: str
    why: str
    without: Callable[[Transcript, Transcript], Both]
    everywhere: bool = False


_TRANSPORT = re.compile(rb"(?<=Address: IPV4/)(TCP|TLS)(?=/127\.0\.0\.1/\*\r\n)")
_SECRET_USED = re.compile(rb"(?<=\r\n)UsingPassword: [01]\r\n")
_ACCOUNT = re.compile(rb"(?<=\r\n)AccountID: [^\r]*\r\n")
_REASON = re.compile(rb"ProxyReason: [^\r]*\r\n")
_REFUSED = re.compile(
    rb"Response: Error\r\n(ActionID: [^\r]*\r\n)?"
    rb"Message: (Permission denied|File requires escalated privileges|\w+ Access Forbidden: [^\r]*)\r\n(ProxyReason: [^\r]*\r\n)?\r\n"
)
_CUT_ID = re.compile(rb"ActionID: i+(\r\n)?")
_NO_CLASS = re.compile(rb"[^\r]* \(Priv: <none>\)|LoggerRotate: [^\r]*")


def _security(theirs: Transcript, ours: Transcript) -> Both:
    def plain(messages: Transcript) -> Transcript:
        return [_SECRET_USED.sub(b"", _TRANSPORT.sub(b"*", message)) for message in messages]

    links = re.compile(rb"Event: SuccessfulAuth\r\n(.*\r\n)*LocalAddress: IPV4/TCP/")
    return plain(theirs), plain([message for message in ours if not links.match(message)])


def _line_ends(theirs: Transcript, ours: Transcript) -> Both:
    told = [message for message in theirs if not message.startswith(b"(blank lines")]
    return [re.sub(rb"(?<!\r)\n\r\n", b"\r\n", message) for message in told], ours


def _session_limit(theirs: Transcript, ours: Transcript) -> Both:
    def nameless(messages: Transcript) -> Transcript:
        return [
            _ACCOUNT.sub(b"", message) if message.startswith(b"Event: SessionLimit\r\n") else message
            for message in messages
        ]

    return nameless(theirs), nameless(ours)


def _answers(messages: Transcript) -> list[Transcript]:
    """Each response with the messages until the next."""
    found: list[Transcript] = [[]]
    for message in messages:
        if message.startswith(b"Response:"):
            found.append([])
        found[-1].append(message)
    return found


def _refusals(theirs: Transcript, ours: Transcript) -> Both:
    said, answered = _answers(theirs), _answers(ours)
    if len(said) != len(answered):
        return theirs, ours
    for native, answer in zip(said, answered, strict=True):
        if native != answer and len(answer) == 1 and _REFUSED.fullmatch(answer[0]):
            native[:] = answer[:] = [b"(refused)"]
    return list(chain(*said)), list(chain(*answered))


def _reasons(theirs: Transcript, ours: Transcript) -> Both:
    return theirs, [_REASON.sub(b"", message) for message in ours]


def _hidden_actions(theirs: Transcript, ours: Transcript) -> Both:
    shown = {line for message in ours for line in message.split(b"\r\n")}

    def narrowed(message: bytes) -> bytes:
        lines = message.split(b"\r\n")
        return b"\r\n".join(line for line in lines if line in shown or not _NO_CLASS.fullmatch(line))

    return [narrowed(message) if b"(Priv: " in message else message for message in theirs], ours


def _rest_of_a_block(theirs: Transcript, ours: Transcript) -> Both:
    hidden = b"Response: Success\r\nActionID: 2\r\nPing: Pong\r\nTimestamp: *\r\n\r\n"
    return [message for message in theirs if message != hidden], ours


def _control_bytes(theirs: Transcript, ours: Transcript) -> Both:
    refusal = b"Response: Error\r\nMessage: Failed to parse message: control character\r\n\r\n"
    if ours[-2:] != [refusal, b"(end of stream)"]:
        return theirs, ours
    return theirs[: len(ours) - 2], ours[:-2]


def _empty_filter(theirs: Transcript, ours: Transcript) -> Both:
    said, answered = _answers(theirs), _answers(ours)
    formatted = b"Response: Error\r\nMessage: Filter was formatted incorrectly.  Check the syntax of the filter given.\r\n\r\n"
    for native, answer in zip(said, answered, strict=True):
        if native == [b"Response: Success\r\nMessage: Success\r\n\r\n"] and answer == [formatted]:
            native[:] = answer
    return list(chain(*said)), ours


def _long_ids(theirs: Transcript, ours: Transcript) -> Both:
    def short(messages: Transcript) -> Transcript:
        return [_CUT_ID.sub(b"ActionID: *\r\n", message) for message in messages]

    return short(theirs), short(ours)


DIFFERENCES = [
    Difference(
        "security-events",
        "`SuccessfulAuth`, `SessionLimit` and the like with addresses as `IPV4/TCP/…`, and always `UsingPassword: 0`",
        "the same events for logins at the proxy, with the client's address as `IPV4/TLS/…`; `UsingPassword` is 1 for a login with a secret, 0 for one with a certificate",
        "Clients log in at the proxy, by TLS; Asterisk sees the proxy's links only. When one of these logs in (after a restart, or the first time that an action may hold up the others) readers of class `security` see that, too.",
        _security,
        everywhere=True,
    ),
    Difference(
        "line-ends",
        "a line feed alone at the end of some texts (`Park successful`), further blank lines between messages (`QueueRule`, `ConfbridgeListRooms`)",
        "each line ends in CR LF, each message in one blank line",
        "A line feed alone splits lines for some readers and not for others, which is how messages are forged.",
        _line_ends,
        everywhere=True,
    ),
    Difference(
        "session-limit",
        "`SessionLimit` with an empty `AccountID`, when a user who may log in once does so twice",
        "with the user's name",
        "Operators want to see which account it is.",
        _session_limit,
    ),
    Difference(
        "reasons",
        "an error of its own rules",
        "the same, followed by a header `ProxyReason`",
        "It says which rule it was, and which setting would allow it.",
        _reasons,
    ),
    Difference(
        "refusals",
        "an answer",
        "an error such as `Permission denied`, for most users with a header `ProxyReason`",
        "The rules that are stricter than Asterisk are listed with their reasons in [Rights, listed](rights-reference.md#rules-that-are-stricter-than-asterisk).",
        _refusals,
    ),
    Difference(
        "hidden-actions",
        "`ListCommands` lists actions without a class for all users",
        "those that change something are listed only for users who may run them",
        "They end calls and reset queues, so the proxy gives them a class.",
        _hidden_actions,
    ),
    Difference(
        "rest-of-a-block",
        "after a line of exactly 1,023 bytes (or a multiple) the rest of the message runs as another action",
        "the whole message is refused, with the same error",
        "A second action could bypass the policy there.",
        _rest_of_a_block,
    ),
    Difference(
        "control-bytes",
        "a NUL ends the line, a CR or another control byte is part of the value",
        "`Failed to parse message: control character`, and the connection is closed",
        "Programs disagree on where such a line ends, so an action could hide behind one.",
        _control_bytes,
    ),
    Difference(
        "long-action-ids",
        "an ActionID that is longer than some buffer (150 or 256 bytes) is cut together with its line end",
        "it comes back whole",
        "In Asterisk the next header is appended to the truncated ActionID.",
        _long_ids,
    ),
    Difference(
        "empty-filter",
        "up to 16 `Filter` adds a pattern that is empty, which every event has",
        "an error, as of Asterisk 22",
        "A filter that lets everything through narrows nothing: it is a mistake.",
        _empty_filter,
    ),
]  # fmt: skip

BY_NAME = {difference.name: difference for difference in DIFFERENCES}

_HEAD = """\
# Differences from Asterisk

This page lists what a client notices when it connects to the proxy and not to Asterisk. The tests play {count} sessions at
Asterisk 22 and 16 and at the proxy in front of the same Asterisk, compare every byte of answers and events, and allow only
what is in this table (`make reference` writes it). They do not compare what is different each time: clocks, ports,
counters, numbers of channels, the order of events from different threads of Asterisk, and `DeviceStateChange` events.

They play one session at a time. Of several clients that ask for the same list at about the same time, Asterisk answers each
by itself; the proxy [asks once](limits.md#list-queries-that-are-asked-once) for all that wait, so a list may begin up to half a
second later. It is never older than the question.
"""


_OVER_HTTP = """
## Over HTTP

AJAM is compared in the same way: {count} dialogues of requests at Asterisk's own and at the proxy's, byte by byte, headers
included. What stands without a name is shown by tests of its own. [Moving from Asterisk's AJAM](http.md#moving-from-asterisks-ajam)
says what that means for scripts.
"""


def page(count: int, over_http: int) -> str:
    """The whole page, for these numbers of sessions by AMI and by HTTP."""
    rows = [_row(f"`{one.name}`", one.asterisk, one.ours, one.why) for one in DIFFERENCES]
    web = [_row(f"`{one.name}`", one.asterisk, one.ours, one.why) for one in ajam.DIFFERENCES]
    web += [_row("", *texts) for texts in ajam.OTHERS]
    head, second = _HEAD.format(count=count), _OVER_HTTP.format(count=over_http)
    return "\n".join([head, *_TITLES, *rows, second, *_TITLES, *web, ""])


_TITLES = ["| name in the tests | Asterisk | the proxy | why |", "| --- | --- | --- | --- |"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    from tests.asterisk.ajam.dialogues import DIALOGUES as OVER_HTTP
    from tests.asterisk.dialogues.all import DIALOGUES

    PAGE.write_text(page(len(DIALOGUES), len(OVER_HTTP)))
