"""Relaying Asterisk's output: which parts are passed on, and how malformed messages are repaired.

Callers control parts of what Asterisk sends, and can insert line ends, NUL or a
second ``Event:`` header.  A well-formed broadcast event is recognised by one pattern
and relayed unchanged; every other message is split into lines and rebuilt, or
dropped.
"""

# mypyc: compiled

import re
import secrets
from typing import Final

#: Prefix of every relay id.  Clients never see one, so only answers to our actions can contain it.
RELAY_MARK: Final = secrets.token_hex(8).encode()
#: Number of hexadecimal digits after it, which identify the action.
RELAY_DIGITS: Final = 32
_ID_LENGTH: Final = 16 + RELAY_DIGITS

# Headers that a client could mistake for a message's frame if they occurred in an event's body.
_RESERVED = rb"event|response|privilege|actionid|eventlist"

# The same as clients may read it: some strip the white space around a name, all ignore its case.
_FRAME = rb"[ \t\v\f]*+(?i:" + _RESERVED + rb")[ \t\v\f]*+:"
_IS_FRAME = re.compile(_FRAME).match

_HEAD = rb"(Event: ([^\r\n\0]+)\r\nPrivilege: ([^\r\n\0]+),all\r\n)"

#: The first two lines of a broadcast event: group 1 is both, group 2 the name, group 3 the classes.
#: The classes of a genuine one always end with ``,all``; those of list items do not.
BROADCAST_HEAD = re.compile(_HEAD)
_END_OF_HEAD: Final = b",all\r\n"
# Events whose body legitimately contains a ``Response:``.  An ``ExpectedResponse:`` there is removed: with
# the Challenge beside it, it would allow offline guessing of a secret.
_WITH_RESPONSE = rb"OriginateResponse|ChallengeResponseFailed"
# A line whose first letters show that it is not a frame header, as in most lines; other lines take a second
# check.  (Frame headers are ActionID, Event, EventList, Privilege, Response and ExpectedResponse.)
_PLAIN_LINE = (
    rb"[^\r\n\0 \t\v\fAEPRaepr][^\r\n\0]*+\r\n"
    rb"|[AEPRaepr](?![Cc][Tt][Ii]|[Vv][Ee]|[Rr][Ii][Vv]|[Ee][Ss]|[Xx][Pp])[^\r\n\0]*+\r\n"
)
#: A broadcast event that needs no repair: group 1 is its first two lines, and none of the other lines could
#: be taken for the frame.  Group 2 matches if it may contain a Response.
BROADCAST = re.compile(
    rb"(Event: (?>("
    + _WITH_RESPONSE
    + rb")(?=\r)|[^\r\n\0])[^\r\n\0]*+\r\nPrivilege: [^\r\n\0]+,all\r\n)(?:"
    + _PLAIN_LINE
    + rb"|(?!"
    + _FRAME.replace(b"response", b"(?(2)expectedresponse|response)")
    + rb")[^\r\n\0]++\r\n)*+\r\n"
)
# The part of an answer that Asterisk itself writes, before any value that callers control: its first line,
# the relay id, its place in an event list.
_OURS = rb"ActionID: " + RELAY_MARK + rb"[0-9a-f]*+\r\n"
_ANSWER_LINES = rb"(?:" + _PLAIN_LINE + rb"|(?!" + _FRAME + rb")[^\r\n\0]++\r\n|" + _OURS + rb")*+\r\n"
#: An answer that needs no repair.  In some list items the ActionID comes last.
_ANSWER = re.compile(
    rb"[^\r\n\0]*+\r\n(?:"
    + _OURS
    + rb"(?:EventList: [^\r\n\0]*+\r\n)?)?(?:Privilege: [^\r\n\0]*+\r\n)?"
    + _ANSWER_LINES
)
#: The lines of a list item after its ActionID.
_BODY_OF_ITEM = re.compile(_ANSWER_LINES)
# A line end, and after it letters with which a frame header may begin.
_PERHAPS_FRAME: Final = re.compile(
    rb"\n[AEPRaepr \t\v\f](?:[Cc][Tt][Ii]|[Vv][Ee]|[Rr][Ii][Vv]|[Ee][Ss]|[Xx][Pp]|(?<=[ \t\v\f]))"
).search
_ACTION_ID = re.compile(rb"^ActionID: *([^\r\n]*)\r?$", re.MULTILINE | re.IGNORECASE)
_RELAY_ID = re.compile(rb"^ActionID: *(" + RELAY_MARK + rb"[^\r\n]*)\r?$", re.MULTILINE | re.IGNORECASE)
#: The line of a relay id, with its line end.  It matches any relay id, so that it is compiled only once.
_OUR_LINE = re.compile(rb"^ActionID: *(" + RELAY_MARK + rb"[0-9a-f]*)\r?\n", re.MULTILINE)
_EVENT_NAME = re.compile(rb"Event: ([^\r\n]*)")
# EventList in the position where Asterisk writes it: before any value that a caller could control.
_EVENT_LIST = re.compile(
    rb"[^\r\n]*\r?\n(?:ActionID:[^\r\n]*\r?\n)?EventList:[ \t]*([^\r\n]*)", re.IGNORECASE
)
#: How the response to a successful action begins, and the position where its EventList would be.
_USUAL_HEAD: Final = b"Response: Success\r\nActionID: " + RELAY_MARK
_USUAL_END: Final = len(_USUAL_HEAD) + RELAY_DIGITS + 2
_RESPONDING = frozenset(_WITH_RESPONSE.split(b"|"))
_FRAME_BESIDE_RESPONSE = re.compile(_FRAME.replace(b"response", b"expectedresponse")).match
_NOISE = bytes.maketrans(b"\r\0", b"??")


def plain_head_of(raw: bytes) -> bytes:
    """An event up to its first line that ends with ``,all``, if no line after that needs repair; else b"".

    Only for messages that are ``sound`` (see UpstreamFramer).  The caller has to check that this is the head
    of a broadcast event, its first two lines.  If it is, ``BROADCAST`` matches the event too, but it checks
    line by line and so takes twice as long; it may also match events for which this returns b"".
    """
    if not raw.startswith(b"Event: "):
        return b""
    place = raw.find(_END_OF_HEAD) + len(_END_OF_HEAD)
    return b"" if _PERHAPS_FRAME(raw, place - 1) else raw[:place]


def action_id_of(raw: bytes) -> bytes:
    """The first ActionID of a message; b"" if it has none."""
    found = _ACTION_ID.search(raw)
    return found[1] if found else b""


def relay_id_of(raw: bytes) -> bytes:
    """The first relay id in a message; b"" if it has none.

    It is the value of an ActionID.  It may follow other ActionIDs: in some messages a value that a caller
    controls comes first.
    """
    place = raw.find(RELAY_MARK)
    if place < 0:
        return b""
    if place > 10 and raw.startswith(b"\nActionID: ", place - 11):
        # The form in which Asterisk writes it: most messages need no regular expression.
        end = place + _ID_LENGTH
        if raw.startswith(b"\r\n", end) and raw[place:end].isalnum():
            return raw[place:end]
    found = _RELAY_ID.search(raw, raw.rfind(b"\n", 0, place) + 1)
    return found[1] if found else b""


def request_id_of(relay_id: bytes) -> str:
    """The id of the request with which an action that has this relay id is sent to an agent of a fleet.

    These are its random digits, so that it is unique, too.
    """
    return relay_id[-RELAY_DIGITS:].decode("ascii")


def event_name_of(raw: bytes) -> bytes:
    """The name of an event, from its first line; b"" if the message is not an event."""
    found = _EVENT_NAME.match(raw)
    return found[1] if found else b""


def is_broadcast(raw: bytes) -> bool:
    """Whether the second line of a message is that of a broadcast event; see BROADCAST_HEAD."""
    lines = raw.split(b"\n", 2)
    return len(lines) > 1 and lines[1].startswith(b"Privilege: ") and lines[1].rstrip(b"\r").endswith(b",all")


def event_list_of(raw: bytes) -> bytes:
    """The value of EventList in the head of a message, in lower case, such as ``start``; b"" if missing."""
    if raw.startswith(_USUAL_HEAD) and raw.startswith(b"\r\n", _USUAL_END - 2):
        # The usual response to Asterisk's own actions: most need no regular expression.
        if raw.startswith(b"EventList: start\r\n", _USUAL_END):
            return b"start"
        if not raw.startswith((b"E", b"e"), _USUAL_END):
            return b""
    found = _EVENT_LIST.match(raw)
    return found[1].lower() if found else b""


def to_owner(raw: bytes, relay_id: bytes, action_id: bytes, *, unknown: bool = False) -> bytes:
    """A response or list item for the client that asked: the relay id is replaced by the client's ActionID.

    If the client sent no ActionID, the line is removed.  Other lines that a client could take
    for the frame are removed: Asterisk writes each of them once and in a fixed position, so
    these come from a value that a caller controls.  Line ends become CRLF, and NUL and bare CR
    a question mark, except in the free text of an old-style ``Response: Follows``, which is
    not changed.

    ``unknown``: the message is from a third-party module; some of those write the EventList before the
    ActionID.  ``raw`` and the result are whole messages, with the blank line.
    """
    if not raw.startswith(b"Response: Follows") and not _ANSWER.fullmatch(raw):
        raw = _made_fit(raw, relay_id, unknown)
    if action_id:
        return raw.replace(b"ActionID: " + relay_id, b"ActionID: " + action_id, 1)
    line = b"ActionID: %b\r\n" % relay_id
    place = raw.find(line)
    if place >= 0 and (not place or raw[place - 1] == 0x0A):
        return raw[:place] + raw[place + len(line) :]
    # A free-text response may contain the line in another form.
    for found in _OUR_LINE.finditer(raw):
        if found[1] == relay_id:
            return raw[: found.start()] + raw[found.end() :]
    return raw


def _made_fit(raw: bytes, relay_id: bytes, unknown: bool) -> bytes:
    ours = b"ActionID: " + relay_id
    lines = [line.removesuffix(b"\r").translate(_NOISE) for line in raw.split(b"\n")]
    kept = lines[:1]
    for line in lines[1:]:
        if line != ours and _IS_FRAME(line):
            name = line.partition(b":")[0]
            begun = kept[-1] == ours
            own = (
                (name == b"EventList" and ((begun and len(kept) == 2) or (unknown and len(kept) == 1)))
                or (name == b"Privilege" and len(kept) <= 2)
                or (name in {b"Response", b"Event"} and begun and len(kept) == 1)
            )
            if not own:
                continue
        kept.append(line)
    return b"\r\n".join(kept)


def item_head_of(raw: bytes, name: bytes, relay_id: bytes) -> bytes:
    """The first two lines of a list item, with line ends, if they are this name and relay id; else b""."""
    head = b"Event: %b\r\nActionID: %b\r\n" % (name, relay_id)
    return head if raw.startswith(head) else b""


def item_head_sent(name: bytes, action_id: bytes) -> bytes:
    """The lines, with line ends, that replace the ``item_head_of`` a list item for the client that asked."""
    return b"Event: %b\r\nActionID: %b\r\n" % (name, action_id) if action_id else b"Event: %b\r\n" % name


def item_like_the_last(raw: bytes, head: bytes, own_head: bytes, sound: bool) -> bytes | None:
    """``to_owner`` for a list item that begins with ``head``, which is replaced by ``own_head``.

    None if the item needs repair.  ``sound``: see UpstreamFramer.
    """
    place = len(head)
    # The first check takes half as long, and finds nothing in nearly all items.
    if (sound and not _PERHAPS_FRAME(raw, place - 1)) or _BODY_OF_ITEM.fullmatch(raw, place):
        return own_head + raw[place:]
    return None


def rebuild_event(raw: bytes, relay_id: bytes = b"", action_id: bytes = b"") -> bytes | None:
    """A broadcast event made well-formed, or None if it is not one.

    The first line must be ``Event:``, the second ``Privilege:`` with ``all`` at the
    end.  Of the other lines, those that a client could take for the frame are removed,
    except the one with ``relay_id``, in which ``action_id`` replaces it; the others are
    kept, with NUL and bare CR replaced by question marks.  An event that ``BROADCAST``
    matches is returned unchanged, every other event is changed.
    """
    lines = [line.removesuffix(b"\r").translate(_NOISE) for line in raw.split(b"\n")]
    # Its head must be well-formed without repair, because the name and classes are taken from it.
    head = BROADCAST_HEAD.fullmatch(b"\r\n".join((*lines[:2], b"")))
    if head is None:
        return None
    frame = _FRAME_BESIDE_RESPONSE if head[2] in _RESPONDING else _IS_FRAME
    kept = lines[:2]
    for line in lines[2:]:
        if not frame(line):
            if line:
                kept.append(line)
        elif relay_id and action_id:
            name, _, value = line.partition(b":")
            if value.strip() == relay_id and name.lower() == b"actionid":
                kept.append(name + b": " + action_id)
    kept.append(b"\r\n")
    return b"\r\n".join(kept)
