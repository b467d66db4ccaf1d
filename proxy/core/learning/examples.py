"""Examples: a value of some kind, made into one of the same shape that tells less.

An example is judged as the value itself would be, so that what was recorded can be
judged again under other rules.  Names that an operator gave (contexts, queues,
applications, variables, devices) stay, since rules are made of them; numbers, texts,
identities and whatever could be a secret become zeros and ``x``.
"""

import re
from types import MappingProxyType
from typing import Final

from proxy.ami.arguments import Kind
from proxy.core.policy import functions
from proxy.core.policy.commands import words

#: What is kept of a value.
LONGEST: Final = 128
#: A channel's end, and what stands for it.
_SUFFIX: Final = re.compile(rb"-[0-9a-fA-F]{1,16}((?:;[12])?)\Z")
_UNIQUEID: Final = re.compile(rb"[0-9]+\.[0-9]+\Z")
_DIGIT: Final = re.compile(rb"[0-9]")
_LETTER: Final = re.compile(rb"[A-Za-z\x80-\xff]")
#: The number of a telephone, in which a device's short number is not meant.
_LONG_NUMBER: Final = re.compile(rb"[0-9]{6,}")
_HOST: Final = re.compile(rb"@([A-Za-z0-9_.:-]+)")
#: Words of a command line that may stand as they are.
_PLAIN_WORD: Final = re.compile(rb"[A-Za-z][A-Za-z_-]{0,31}\Z")

#: Kept as they are: words of Asterisk's, and names that rules are made of.
_KEPT: Final = frozenset(
    {
        *(Kind.WORD, Kind.BOOLEAN, Kind.INTEGER, Kind.SECONDS, Kind.MILLISECONDS, Kind.HOLDING, Kind.CODECS),
        *(Kind.CONTEXT, Kind.CONTEXT_SHOWN, Kind.PRIORITY, Kind.GOSUB, Kind.QUEUE, Kind.APPLICATION),
        *(Kind.CONFERENCE, Kind.WHOLE_CONFERENCE, Kind.OBJECT, Kind.OBJECT_OR_ALL, Kind.OBJECT_REACHED),
        *(Kind.MODULE, Kind.RELOADED_MODULE, Kind.CONFIG_FILE, Kind.CONFIG_SECTION, Kind.FOLDER),
        *(Kind.BRIDGE_TECHNOLOGY, Kind.PARKING_LOT, Kind.PARKING_LOT_SHOWN, Kind.PRESENCE),
        *(Kind.MAILBOX_CONTEXT, Kind.DATABASE_FAMILY, Kind.RECORDING_FORMAT, Kind.VARIABLE_SET),
        *(Kind.DAHDI_CHANNEL, Kind.DAHDI_CHANNEL_SHOWN, Kind.VARIABLE_READ, Kind.VARIABLES_READ),
    }
)
#: Only digits are hidden: what is no number there is a name.
_NUMBERS: Final = frozenset(
    {
        *(Kind.EXTENSION, Kind.EXTENSION_SHOWN, Kind.DIGITS, Kind.HELD_DIGITS, Kind.MAILBOX, Kind.AGENT),
        *(Kind.PARKING_SPACE, Kind.CONFERENCE_USER, Kind.DATABASE_KEY, Kind.MAILBOX_PATTERN, Kind.ACCOUNT),
    }
)
_DEVICES: Final = frozenset(
    {Kind.DIAL_STRING, Kind.COMEBACK, Kind.INTERFACE, Kind.MEMBER_KEY, Kind.STATE_INTERFACE, Kind.MEMBER}
)
_CHANNELS: Final = frozenset({Kind.CHANNEL, Kind.CHANNEL_PREFIX, Kind.CHANNEL_PATTERN, Kind.CHANNEL_OR_ALL})
#: Not recorded at all.
UNRECORDED: Final = frozenset({Kind.CREDENTIAL, Kind.EVENT_FILTER, Kind.EVENT_MASK, Kind.PAYLOAD})


def example(kind: Kind, value: bytes) -> bytes:
    """A value of this kind that the judge treats as it treats ``value``."""
    value = value[:LONGEST]
    if kind in _KEPT:
        return value
    if kind in _NUMBERS:
        return _DIGIT.sub(b"0", value)
    if kind in _DEVICES:
        return device(value)
    if kind in _CHANNELS:
        return _channel(value)
    if kind is Kind.ASSIGNMENTS:
        return _assignments(value)
    if kind in {Kind.CLI_COMMAND, Kind.AGI_COMMAND}:
        return _command(value)
    if kind is Kind.URI:
        return _uri(value)
    return hidden(value)


def hidden(value: bytes) -> bytes:
    """Zeros for digits, ``x`` for letters; what else there is may decide, and stays."""
    return _LETTER.sub(b"x", _DIGIT.sub(b"0", value))


def device(value: bytes) -> bytes:
    """A dial string: technology, device, trunk and context stay, the number that is dialled does not."""
    technology, slash, rest = value.partition(b"/")
    number, at, place = rest.partition(b"@")
    if at:
        # With a colon it is a name and its password.
        number = hidden(number) if b":" in number else _DIGIT.sub(b"0", number)
    return technology + slash + _LONG_NUMBER.sub(_zeros, number) + at + place


def _zeros(found: re.Match[bytes]) -> bytes:
    return b"0" * len(found.group())


def _channel(value: bytes) -> bytes:
    if _UNIQUEID.match(value):
        return b"0000000000.0"
    if _SUFFIX.search(value):
        return _SUFFIX.sub(rb"-00000000\1", device(value))
    return device(value)


def _assignments(value: bytes) -> bytes:
    return b",".join(name + b"=" + hidden(assigned) for name, assigned in functions.assignments([value]))


def _command(value: bytes) -> bytes:
    return b" ".join(word if _PLAIN_WORD.match(word) else hidden(word) for word in words(value))


def _uri(value: bytes) -> bytes:
    scheme, colon, rest = value.partition(b":")
    host = _HOST.search(rest)
    if host is None:
        return scheme + colon + rest
    return scheme + colon + hidden(rest[: host.start()]) + rest[host.start() :]


#: For the page that says what a recording holds.
SHOWN: Final = MappingProxyType(
    {"kept": _KEPT, "numbers": _NUMBERS, "devices": _DEVICES, "channels": _CHANNELS}
)
