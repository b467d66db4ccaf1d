"""JSON: AMI's messages as JSON objects.

A header is a member with the header's name as AMI spells it; its value is a string.  A header that occurs
more than once is an array, and so is one of ``_ARRAYS`` in any case, so that its type does not depend on how
often it occurs.  Bytes that are no UTF-8 become U+FFFD.  ``ActionID`` and ``ProxySequence`` are left out:
doors write them beside the object.  A line without a colon, which only a UserEvent may have, is left out too.
"""

# mypyc: compiled

import re
from json.encoder import encode_basestring
from typing import Final, NamedTuple

_END: Final = b"\r\n\r\n"
#: Headers that are always arrays.
_ARRAYS: Final = frozenset({"Output", "ChanVariable"})
#: Headers, in lower case, that are left out.
_LEFT_OUT: Final = frozenset({"actionid", "proxysequence"})

#: The names of headers -> what is written for them; "" for those that are left out.
_KEYS: Final[dict[str, str]] = {}
#: Users may invent names, so only as many are kept, and only short ones.
_MOST_KEYS: Final = 4096
_LONGEST_KEY: Final = 64

#: Bytes that a JSON string may have as they are; others are escaped, but for line ends.
_UNESCAPED: Final = bytes(byte for byte in range(0x20, 0x100) if byte not in b'"\\')

#: How the answer to a command begins up to Asterisk 13, and how it ends: its output is not in headers.
_FREE_TEXT: Final = b"Response: Follows\r\n"
_BEFORE_FREE_TEXT: Final = re.compile(
    r"Response: Follows\r\n(?:Privilege: [^\n]*\n)?(?:ActionID: [^\n]*\n)?(?:Server: [^\n]*\n)?"
)
_AFTER_FREE_TEXT: Final = "--END COMMAND--"

_ACTION_ID: Final = b"\r\nActionID: "
_MESSAGE: Final = re.compile(rb"\r\nMessage: ([^\r\n]*)")
_RESPONSE: Final = re.compile(rb"Response: ([^\r\n]*)")
#: The end of an event that has its position; the header before it may be anything.
_SEQUENCE: Final = b"\r\nProxySequence: "
_POSITION: Final = re.compile(rb"\r\nProxySequence: ([A-Za-z0-9_-]+)\r\n(?:Server: [^\r\n]*\r\n)?\r\n\Z")
_SERVER: Final = re.compile(rb"\r\nServer: ([^\r\n]*)\r\n\r\n\Z")


class Answer(NamedTuple):
    """The answer to one action."""

    #: The JSON object of the response; b"" if there is none.
    response: bytes
    #: The JSON objects of the events that belong to it, in order: list items, and the event that ends a list.
    items: list[bytes]
    #: What the response says: ``Success``, ``Error``, ``Goodbye`` …, and its header ``Message``.
    kind: bytes
    text: bytes
    #: The client's ActionID; b"" if it has none.
    action_id: bytes


def quoted(text: bytes) -> bytes:
    """The text as a JSON string, with its quotes."""
    return encode_basestring(text.decode("utf-8", "replace")).encode()


def event_object(raw: bytes) -> bytes:
    """The headers of one message (with its blank line) as a JSON object, in UTF-8 and without line ends."""
    text = raw.decode("utf-8", "replace")
    if raw.startswith(_FREE_TEXT):
        text = _with_output(text)
        raw = text.encode()
    lines = text.split("\r\n")
    # Nearly all messages need no escapes, and finding that out is much cheaper than escaping.
    if raw.translate(None, _UNESCAPED) != b"\r\n" * (len(lines) - 1):
        lines = [encode_basestring(line)[1:-1] for line in lines]
    members: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for line in lines:
        name, separator, value = line.partition(": ")
        key = _KEYS.get(name) if separator else None
        if key is None:
            name, separator, value = line.partition(":")
            if not name or not separator:
                continue
            value = value.removeprefix(" ")
            key = _key(name)
        if not key:
            continue
        if key in members:
            repeated.setdefault(key, [members[key]]).append(value)
        else:
            members[key] = value
            if name in _ARRAYS:
                repeated[key] = [value]
    if repeated or not members:
        return _with_arrays(members, repeated)
    return ("{" + '",'.join([key + value for key, value in members.items()]) + '"}').encode()


def _with_arrays(members: dict[str, str], repeated: dict[str, list[str]]) -> bytes:
    written: list[str] = []
    for key, value in members.items():
        if key in repeated:
            written.append(key[:-1] + '["' + '","'.join(repeated[key]) + '"]')
        else:
            written.append(key + value + '"')
    return ("{" + ",".join(written) + "}").encode()


def _key(name: str) -> str:
    """What is written for the name of a header, which is escaped already; "" if it is left out."""
    key = "" if name.lower() in _LEFT_OUT else '"' + name + '":"'
    if len(name) <= _LONGEST_KEY:
        if len(_KEYS) >= _MOST_KEYS:
            _KEYS.clear()
        _KEYS[name] = key
    return key


def _with_output(text: str) -> str:
    """A ``Response: Follows`` with its output in headers, as newer Asterisks write it."""
    before = _BEFORE_FREE_TEXT.match(text)
    assert before is not None
    output = text[before.end() :].removesuffix("\r\n\r\n").removesuffix(_AFTER_FREE_TEXT)
    lines = output.replace("\r", "").removesuffix("\n").split("\n")
    return before[0] + "\r\n".join(["Output: " + line.removeprefix("Output: ") for line in lines])


def sequence_of(raw: bytes) -> bytes:
    """The token of an event's position: letters, digits, ``-`` and ``_``; b"" if it has none."""
    place = raw.rfind(_SEQUENCE)
    if place < 0:
        return b""
    found = _POSITION.match(raw, place)
    return b"" if found is None else found[1]


def server_of(raw: bytes) -> bytes:
    """The server's name in a message of a session with several servers; b"" if there is none.

    In other sessions, the sender of a user event may have written one.
    """
    place = raw.rfind(b"\r\n", 0, -4)
    found = _SERVER.match(raw, place) if place >= 0 else None
    return b"" if found is None else found[1]


def action_id_of(raw: bytes) -> bytes:
    """The client's ActionID in a message of an answer; b"" if it has none."""
    place = raw.find(_ACTION_ID)
    if place < 0:
        return b""
    place += len(_ACTION_ID)
    return raw[place : raw.find(b"\r", place)]


def messages_in(data: bytes) -> list[bytes]:
    """One or more whole messages of one answer, each with its blank line."""
    if data.startswith(_FREE_TEXT):
        return [data]  # it may contain blank lines, and nothing follows it
    return [part + _END for part in data.split(_END)[:-1]]


def message_objects(data: bytes) -> list[bytes]:
    """The JSON objects of one or more whole messages of one answer, or of events."""
    return [event_object(raw) for raw in messages_in(data)]


def answer(data: bytes) -> Answer:
    """The whole answer to one action; b"" if its session ended without one."""
    response = kind = text = action_id = b""
    items: list[bytes] = []
    for raw in messages_in(data):
        found = None if response else _RESPONSE.match(raw)
        if found is None:
            items.append(event_object(raw))
            continue
        response, kind, action_id = event_object(raw), found[1], action_id_of(raw)
        message = _MESSAGE.search(raw)
        if message is not None:
            text = message[1]
    return Answer(response, items, kind, text, action_id)
