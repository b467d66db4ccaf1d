"""Wire: the messages that agents and edges send each other through the engines.

Each is a head of 32 bytes, and a body of which the kind says what it is.  Requests have no head.  Numbers of
events are those of the server's journal at the agent: in an epoch, each event has the next number.
"""

import re
import struct
from typing import Annotated, Final, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

#: Events: the body is whole messages as Asterisk wrote them, ``first`` is the number of the first of them,
#: and ``events`` says how many there are.
EVENTS: Final = 1
#: A sign of life: the body is a Beat, ``first`` is the number that the next event will have.
BEAT: Final = 2
#: Answer to an Ask: the agent does not have these events.  ``epoch`` and ``first`` are as in a beat.
GONE: Final = 3
#: End of the answer to an Ask: ``first`` is the number of the next event.
END: Final = 4
#: A part of the answer to a Request: the body is whole AMI messages, ``first`` is the part's number from 0.
ANSWER: Final = 5

#: Flag of the last part of an answer.
LAST: Final = 1
#: Flag of the only part of an answer: the agent did not execute the action.
REFUSED: Final = 2

#: Bytes of the events in one message; one event that is larger is sent alone.
EVENT_BYTES: Final = 64 << 10
#: Bytes of the messages in one part of an answer; one AMI message that is larger is sent alone.
ANSWER_BYTES: Final = 256 << 10

_HEAD: Final = struct.Struct(">4sBBHQQII")
HEAD_BYTES: Final = _HEAD.size
_MAGIC: Final = b"AMIF"
_VERSION: Final = 1
_FLAGS: Final = {EVENTS: 0, BEAT: 0, GONE: 0, END: 0, ANSWER: LAST | REFUSED}
#: Maximum number of characters of ``Beat.reason``; what is longer is cut.
_REASON: Final = 256
#: No epoch has as many events.
_NUMBERS: Final = 1 << 62
#: What may be in no text: clients are sent some of them, and could take a line end for that of a message.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NOT_PRINTABLE: Final = re.compile(rb"[^\x20-\x7e]")

_Name = Annotated[str, Meta(min_length=1, max_length=64)]
_Text = Annotated[str, Meta(max_length=_REASON, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
#: Numbers of events, epochs and milliseconds: 64 bits, as many as MessagePack has.
_Number = Annotated[int, Meta(ge=0)]
#: What a clock shows.  A sum of it and some time is still a number that can be sent, and exact.
_Clock = Annotated[int, Meta(ge=0, lt=1 << 53)]
_Digest = Annotated[bytes, Meta(max_length=32)]


class WireError(Exception):
    """A message is not one of the fleet's."""


class OtherVersion(WireError):
    """A message is of another version of the fleet's messages."""


class Head(NamedTuple):
    """What a message says of itself."""

    kind: int
    flags: int = 0
    epoch: int = 0
    first: int = 0
    #: How many events the body has.
    events: int = 0


class Beat(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A sign of life of an agent."""

    software: _Text
    agent: _Name
    server: _Name
    #: Whether its link to Asterisk is up; ``booting`` if it is, and Asterisk has not finished booting.
    state: Literal["up", "booting", "down"]
    #: The first line that Asterisk sent, without its line end: printable ASCII.
    banner: Annotated[bytes, Meta(max_length=256)]
    #: Milliseconds of the agent's monotonic clock, which no other process shares.
    clock: _Clock
    #: Why the link is not up.
    reason: _Text
    #: Digest of the generations of all users, which shows whether edges and agents have the same rights.
    rights: _Digest


class Request(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """An action that an edge asks an agent to execute, once and in time or not at all."""

    #: Random, so that no two requests of any edges have the same.
    id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    #: For whom; "" is the edge itself.
    user: Annotated[str, Meta(max_length=79)]
    #: Which rights the edge has judged the action by; b"" for the edge itself.
    generation: _Digest
    #: Session and address at the edge, for the agent's audit and the user's ``acl``.
    session: _Text
    address: _Text
    #: The agent's epoch when the edge sent it.
    epoch: _Number
    #: The agent's clock, in milliseconds, after which the action must not be executed.
    expires: _Number
    #: One whole AMI message, which is to be judged like any client's; its ActionID is the edge's.
    action: Annotated[bytes, Meta(min_length=4, max_length=1 << 20)]


class Ask(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A request for all events of this epoch from number ``first`` on."""

    epoch: _Number
    first: _Number


_Body = TypeVar("_Body", Beat, Request, Ask)

_encoder: Final = msgspec.msgpack.Encoder()
_beats: Final = msgspec.msgpack.Decoder(Beat)
_requests: Final = msgspec.msgpack.Decoder(Request)
_asks: Final = msgspec.msgpack.Decoder(Ask)


def packed(head: Head, body: bytes = b"") -> bytes:
    """The message of this head and body."""
    return _HEAD.pack(_MAGIC, _VERSION, *head, 0) + body


def parsed(data: bytes) -> tuple[Head, bytes]:
    """Head and body of a message.

    Raises WireError; OtherVersion if it is of another version.
    """
    if len(data) < HEAD_BYTES:
        raise WireError("shorter than a head")
    magic, version, kind, flags, epoch, first, events, reserved = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise WireError("not a message of a fleet")
    if version != _VERSION:
        raise OtherVersion(f"version {version} instead of {_VERSION}")
    if kind not in _FLAGS or flags & ~_FLAGS[kind] or reserved:
        raise WireError("unknown kind or flags")
    if (events > 0) != (kind == EVENTS):
        raise WireError("events are counted, and nothing else is")
    if first >= _NUMBERS:
        raise WireError("no event has such a number")
    return Head(kind, flags, epoch, first, events), data[HEAD_BYTES:]


def encode_beat(beat: Beat) -> bytes:
    """The body of a BEAT; a long reason is cut, and what no text may have is replaced."""
    reason = _CONTROL.sub("?", beat.reason[:_REASON])
    banner = _NOT_PRINTABLE.sub(b"?", beat.banner)
    return _encoder.encode(msgspec.structs.replace(beat, reason=reason, banner=banner))


def decode_beat(body: bytes) -> Beat:
    """The Beat in the body of a BEAT; raises WireError."""
    beat = _decoded(_beats, body)
    if _NOT_PRINTABLE.search(beat.banner):
        raise WireError("the banner is not one line of text")
    return beat


def encode_request(request: Request) -> bytes:
    """The message that asks for an action."""
    return _encoder.encode(request)


def decode_request(data: bytes) -> Request:
    """The Request in a message; raises WireError."""
    return _decoded(_requests, data)


def encode_ask(ask: Ask) -> bytes:
    """The message that asks for events."""
    return _encoder.encode(ask)


def decode_ask(data: bytes) -> Ask:
    """The Ask in a message; raises WireError."""
    return _decoded(_asks, data)


def _decoded(decoder: "msgspec.msgpack.Decoder[_Body]", data: bytes) -> _Body:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(str(error)) from None
