"""Targets: what an audit line says about the arguments of an action."""

# mypyc: compiled

import re
from operator import itemgetter
from typing import Final

from amiproxy.ami.arguments import ARGUMENTS, Kind
from amiproxy.ami.message import Action
from amiproxy.core.audit.appdata import MASK
from amiproxy.core.audit.masking import masked_text, masked_value
from amiproxy.core.policy.dialplan import functions

#: Bytes of one value in an audit line: enough to recognise a target, but not to carry data.
MAX_TARGET: Final = 128
#: Names of variables in one audit line.
MAX_NAMES: Final = 64

#: Kinds of arguments that are shown, since they say what an action does and to whom.  Texts, values and
#: secrets are not shown.
_SHOWN: Final = frozenset(
    {
        *(Kind.CHANNEL, Kind.CHANNEL_PREFIX, Kind.CHANNEL_PATTERN, Kind.CHANNEL_OR_ALL, Kind.DIAL_STRING),
        *(Kind.COMEBACK, Kind.INTERFACE, Kind.MEMBER_KEY, Kind.STATE_INTERFACE, Kind.MEMBER, Kind.NEW_ID),
        *(Kind.CONTEXT, Kind.CONTEXT_SHOWN, Kind.EXTENSION, Kind.EXTENSION_SHOWN, Kind.PRIORITY, Kind.GOSUB),
        *(Kind.APPLICATION, Kind.AGI_COMMAND, Kind.CLI_COMMAND, Kind.ACCOUNT, Kind.CALLER_ID),
        *(Kind.QUEUE, Kind.MEMBER_NAME, Kind.CONFERENCE, Kind.WHOLE_CONFERENCE, Kind.CONFERENCE_USER),
        *(Kind.MAILBOX, Kind.MAILBOX_PATTERN, Kind.MAILBOX_CONTEXT, Kind.FOLDER, Kind.MESSAGE_ID),
        *(Kind.BRIDGE, Kind.WHOLE_BRIDGE, Kind.BRIDGE_TECHNOLOGY, Kind.AGENT, Kind.PARKING_LOT),
        *(Kind.PARKING_LOT_SHOWN, Kind.PARKING_SPACE, Kind.DAHDI_CHANNEL, Kind.DAHDI_CHANNEL_SHOWN),
        *(Kind.OBJECT, Kind.OBJECT_OR_ALL, Kind.OBJECT_REACHED, Kind.PRESENCE, Kind.MODULE),
        *(Kind.RELOADED_MODULE, Kind.DATABASE_FAMILY, Kind.DATABASE_KEY, Kind.CONFIG_FILE),
        *(Kind.CONFIG_SECTION, Kind.RECORDING, Kind.RECORDING_FORMAT, Kind.ANY_FILE, Kind.URI),
        *(Kind.HOLDING, Kind.DIGITS, Kind.HELD_DIGITS, Kind.QUEUE_LOG_COLUMN, Kind.EVENT_TEXT),
    }
)
#: Kinds whose value is the name of a variable, possibly followed by ``=`` and a value.
_NAMES_VARIABLE: Final = frozenset({Kind.VARIABLE_READ, Kind.VARIABLE_SET})
# Kept in globals: up to Python 3.11, reading an enum member from its class is a function call.
_VARIABLES_READ: Final = Kind.VARIABLES_READ
_ASSIGNMENTS: Final = Kind.ASSIGNMENTS
_PLACE: Final = itemgetter(0)
_COMMANDS: Final = frozenset({Kind.AGI_COMMAND, Kind.CLI_COMMAND})
#: Digits are masked: they stand for what a caller would type, which may be a PIN.
_HIDDEN_DIGITS: Final = frozenset({Kind.DIGITS, Kind.HELD_DIGITS})

_UNPRINTABLE: Final = re.compile(rb"[^\x20-\x5b\x5d-\x7e]")


def target_of(action: Action) -> str:
    """The arguments that say what the action affects, as ``channel=PJSIP/100 context=lab``; empty if none.

    Variables are shown by name: the first 64 names, and how many more there are.  At most 128 bytes of each
    value are shown, then ``…``; bytes other than printable ASCII are shown as ``\\xNN``.
    Secrets and the values of variables are never shown, nor what follows the name of a secret in a command.
    """
    described = ARGUMENTS.get(action.key)
    if described is None:
        return ""
    parts: list[tuple[int, str]] = []
    names: list[bytes] = []
    for header, value in action.headers:
        name = described.proper_name(header.lower())
        argument = described.find(name)
        if argument is None or not value:
            continue
        kind = argument.kind
        if kind in _SHOWN:
            shown = f"{name.decode('latin-1')}={_shown(_masked(kind, value))}"
            parts.append((described.places[argument.header], shown))
        elif kind in _NAMES_VARIABLE:
            names.append(value.partition(b"=")[0])
        elif kind is _VARIABLES_READ:
            names.extend(functions.arguments(value))
        elif kind is _ASSIGNMENTS:
            names.extend([variable for variable, _ in functions.assignments([value])])
    # In the table's order, so that all lines of the same action look alike.
    if len(parts) > 1:
        parts.sort(key=_PLACE)
    texts = [text for _, text in parts]
    if names:
        texts.append(f"variable={_named(names)}")
    return " ".join(texts)


def is_shown(kind: Kind) -> bool:
    """Whether an audit line shows the value of an argument of this kind, without the secrets in it."""
    return kind in _SHOWN


def hides_digits(kind: Kind) -> bool:
    """Whether an audit line masks the value of an argument of this kind, which it shows, as a whole."""
    return kind in _HIDDEN_DIGITS


def _named(names: list[bytes]) -> str:
    """The names, each cut separately: a long name must not hide those after it."""
    different = list(dict.fromkeys(map(masked_value, names)))
    more = f",…+{len(different) - MAX_NAMES}" if len(different) > MAX_NAMES else ""
    named = different[:MAX_NAMES]
    if max(map(len, named)) > MAX_TARGET:
        return ",".join(map(_shown, named)) + more
    return _printable(b",".join(named)) + more


def _masked(kind: Kind, value: bytes) -> bytes:
    if kind in _HIDDEN_DIGITS:
        return MASK
    return masked_text(value) if kind in _COMMANDS else masked_value(value)


def _shown(value: bytes) -> str:
    return f"{_printable(value[:MAX_TARGET])}…" if len(value) > MAX_TARGET else _printable(value)


def _printable(value: bytes) -> str:
    return _UNPRINTABLE.sub(_escaped, value).decode("ascii")


def _escaped(byte: re.Match[bytes]) -> bytes:
    return b"\\x%02x" % byte.group()[0]
