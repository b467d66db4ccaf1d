"""What may be passed on of Asterisk's output, and how it is made fit.

Part of what Asterisk sends is written by callers (ami.md §4.4): raw line ends,
NUL, second ``Event:`` headers.  A well-formed broadcast event is recognised by
one pattern and relayed untouched; everything else is taken apart and put
together again, or given up.
"""

import re
import secrets
from typing import Final

#: Every ActionID that is ours begins with it.  No client is ever shown one, so what bears it is an answer.
RELAY_MARK: Final = secrets.token_hex(8).encode()
#: Hexadecimal digits behind it that tell one action from another.
RELAY_DIGITS: Final = 32
_ID_LENGTH: Final = 16 + RELAY_DIGITS

# Headers that a listener could mistake for the envelope if they stood in an event's body.
_RESERVED = rb"event|response|privilege|actionid|eventlist"

# The same as a reader may see it: some take off the white space around a name, all look past its case.
_FRAME = rb"[ \t\v\f]*+(?i:" + _RESERVED + rb")[ \t\v\f]*+:"
_IS_FRAME = re.compile(_FRAME).match

_HEAD = rb"(Event: ([^\r\n\0]+)\r\nPrivilege: ([^\r\n\0]+),all\r\n)"

#: The first two lines of a broadcast event: group 1 is both, group 2 the name, group 3 the classes.
#: Real ones always end their classes with ``,all``; list items do not.
BROADCAST_HEAD = re.compile(_HEAD)
# The body of these holds a ``Response:`` of right (ami.md §1.2).  An ``ExpectedResponse:`` is not for
# readers there: with the Challenge beside it, it is all that it takes to guess a secret at leisure.
_WITH_RESPONSE = rb"OriginateResponse|ChallengeResponseFailed"
# A line that the first letters of its name tell apart from the frame, as those of most do: the rest is looked
# at twice.  (They begin like ActionID, Event, EventList, Privilege, Response and ExpectedResponse.)
_PLAIN_LINE = (
    rb"[^\r\n\0 \t\v\fAEPRaepr][^\r\n\0]*+\r\n"
    rb"|[AEPRaepr](?![Cc][Tt][Ii]|[Vv][Ee]|[Rr][Ii][Vv]|[Ee][Ss]|[Xx][Pp])[^\r\n\0]*+\r\n"
)
#: A broadcast event that needs no repair: group 1 is its first two lines.  None of the others could be
#: taken for the frame.  Group 2: it may have a Response.
BROADCAST = re.compile(
    rb"(Event: (?>("
    + _WITH_RESPONSE
    + rb")(?=\r)|[^\r\n\0])[^\r\n\0]*+\r\nPrivilege: [^\r\n\0]+,all\r\n)(?:"
    + _PLAIN_LINE
    + rb"|(?!"
    + _FRAME.replace(b"response", b"(?(2)expectedresponse|response)")
    + rb")[^\r\n\0]++\r\n)*+\r\n"
)
# Asterisk's own part of an answer: what it is, ours to find it by, its place in a list; callers come later.
_OURS = rb"ActionID: " + RELAY_MARK + rb"[0-9a-f]*+\r\n"
_ANSWER_LINES = rb"(?:" + _PLAIN_LINE + rb"|(?!" + _FRAME + rb")[^\r\n\0]++\r\n|" + _OURS + rb")*+\r\n"
#: An answer that needs no repair.  In some items the ActionID stands last.
_ANSWER = re.compile(
    rb"[^\r\n\0]*+\r\n(?:"
    + _OURS
    + rb"(?:EventList: [^\r\n\0]*+\r\n)?)?(?:Privilege: [^\r\n\0]*+\r\n)?"
    + _ANSWER_LINES
)
#: An item's lines behind its ActionID.
_BODY_OF_ITEM = re.compile(_ANSWER_LINES)
# Behind a line end, what a frame may begin with.
_PERHAPS_FRAME = re.compile(
    rb"\n[AEPRaepr \t\v\f](?:[Cc][Tt][Ii]|[Vv][Ee]|[Rr][Ii][Vv]|[Ee][Ss]|[Xx][Pp]|(?<=[ \t\v\f]))"
).search
_ACTION_ID = re.compile(rb"^ActionID: *([^\r\n]*)\r?$", re.MULTILINE | re.IGNORECASE)
_RELAY_ID = re.compile(rb"^ActionID: *(" + RELAY_MARK + rb"[^\r\n]*)\r?$", re.MULTILINE | re.IGNORECASE)
#: The line of an ActionID of ours, with its end; no pattern holds an id itself, for that is compiled once.
_OUR_LINE = re.compile(rb"^ActionID: *(" + RELAY_MARK + rb"[0-9a-f]*)\r?\n", re.MULTILINE)
_EVENT_NAME = re.compile(rb"Event: ([^\r\n]*)")
# Where Asterisk writes it: in front of all that a caller could have a hand in.
_EVENT_LIST = re.compile(
    rb"[^\r\n]*\r?\n(?:ActionID:[^\r\n]*\r?\n)?EventList:[ \t]*([^\r\n]*)", re.IGNORECASE
)
#: How the answer to an action begins that Asterisk runs, and where what says of its list would stand.
_USUAL_HEAD: Final = b"Response: Success\r\nActionID: " + RELAY_MARK
_USUAL_END: Final = len(_USUAL_HEAD) + RELAY_DIGITS + 2
_RESPONDING = frozenset(_WITH_RESPONSE.split(b"|"))
_FRAME_BESIDE_RESPONSE = re.compile(_FRAME.replace(b"response", b"expectedresponse")).match
_NOISE = bytes.maketrans(b"\r\0", b"??")


def plain_head_of(raw: bytes) -> bytes:
    """The first two lines of an event that needs no repair behind them, with their ends; else b"".

    For messages that are ``sound`` (see UpstreamFramer) alone.  Whether those two are what a broadcast
    event begins with is left to the caller.  Where they are, ``BROADCAST`` admits the event too, which
    walks through it line by line and so takes twice as long; it may admit some for which this is b"".
    """
    if not raw.startswith(b"Event: "):
        return b""
    place = raw.find(b"\r\n", raw.find(b"\r\n", 7) + 2) + 2
    return b"" if _PERHAPS_FRAME(raw, place - 1) else raw[:place]


def action_id_of(raw: bytes) -> bytes:
    """The first ActionID of a message; b"" if there is none."""
    found = _ACTION_ID.search(raw)
    return found[1] if found else b""


def relay_id_of(raw: bytes) -> bytes:
    """The first ActionID of ours in a message; b"" if there is none.

    It may stand behind others: what a caller writes into a value comes first in some messages.
    """
    place = raw.find(RELAY_MARK)
    if place < 0:
        return b""
    if place > 10 and raw.startswith(b"\nActionID: ", place - 11):
        # As Asterisk writes it: most messages need no regular expression.
        end = place + _ID_LENGTH
        if raw.startswith(b"\r\n", end) and raw[place:end].isalnum():
            return raw[place:end]
    found = _RELAY_ID.search(raw, raw.rfind(b"\n", 0, place) + 1)
    return found[1] if found else b""


def event_name_of(raw: bytes) -> bytes:
    """Name of an event by its first line; b"" if the message is none."""
    found = _EVENT_NAME.match(raw)
    return found[1] if found else b""


def event_list_of(raw: bytes) -> bytes:
    """What the head of a message says of its list, in lower case, as ``start``; b"" if nothing."""
    if raw.startswith(_USUAL_HEAD) and raw.startswith(b"\r\n", _USUAL_END - 2):
        # As Asterisk's own actions are answered: most need no regular expression.
        if raw.startswith(b"EventList: start\r\n", _USUAL_END):
            return b"start"
        if not raw.startswith((b"E", b"e"), _USUAL_END):
            return b""
    found = _EVENT_LIST.match(raw)
    return found[1].lower() if found else b""


def to_owner(raw: bytes, relay_id: bytes, action_id: bytes, *, unknown: bool = False) -> bytes:
    """A response or list item for its asker: our ActionID replaced by theirs, or its line removed.

    Other lines that a reader could take for the frame are removed: Asterisk writes each of
    them once and in its place, so these come from a value that a caller filled.  Line ends
    become CRLF and NUL and bare CR a question mark, but for the free text of an old-style
    ``Response: Follows``, which goes as it is.

    ``unknown``: the message is of another module than Asterisk's own; some of those write the
    EventList in front of the ActionID.
    """
    if not raw.startswith(b"Response: Follows") and not _ANSWER.fullmatch(raw):
        raw = _made_fit(raw, relay_id, unknown)
    if action_id:
        return raw.replace(b"ActionID: " + relay_id, b"ActionID: " + action_id, 1)
    line = b"ActionID: %b\r\n" % relay_id
    place = raw.find(line)
    if place >= 0 and (not place or raw[place - 1] == 0x0A):
        return raw[:place] + raw[place + len(line) :]
    # An answer that is free text may have it in other ways.
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
    """The first two lines of a list item, if they are its name and its ActionID; b"" if not."""
    head = b"Event: %b\r\nActionID: %b\r\n" % (name, relay_id)
    return head if raw.startswith(head) else b""


def item_head_sent(name: bytes, action_id: bytes) -> bytes:
    """What the asker gets in place of that."""
    return b"Event: %b\r\nActionID: %b\r\n" % (name, action_id) if action_id else b"Event: %b\r\n" % name


def item_like_the_last(raw: bytes, head: bytes, own_head: bytes, sound: bool) -> bytes | None:
    """``to_owner`` of an item that begins with ``head`` (see there), for which the asker gets ``own_head``.

    None if it needs repair.  ``sound``: see UpstreamFramer.
    """
    place = len(head)
    # The first of the two takes half as long, and finds nothing in nearly all items.
    if (sound and not _PERHAPS_FRAME(raw, place - 1)) or _BODY_OF_ITEM.fullmatch(raw, place):
        return own_head + raw[place:]
    return None


def rebuild_event(raw: bytes, relay_id: bytes = b"", action_id: bytes = b"") -> bytes | None:
    """A broadcast event made well-formed, or None if it is not one.

    The first line must be ``Event:``, the second ``Privilege:`` with ``all`` at
    the end.  Of the others those go that a reader could take for the frame, but
    for ``relay_id``, which becomes ``action_id`` in its place; the rest stays as
    it is, with NUL and bare CR made visible.  What ``BROADCAST`` admits is not
    changed, and nothing else is left as it was.
    """
    lines = [line.removesuffix(b"\r").translate(_NOISE) for line in raw.split(b"\n")]
    # Nothing but what would pass as it is may be its head: the name and classes are taken from there.
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
