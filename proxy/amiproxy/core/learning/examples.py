"""Examples: replace the value of an argument by one of the same shape that reveals less.

The policy must judge an example as it judges the value itself, so that a recording can be
judged again under other rules.  Names that an operator chose (contexts, queues,
applications, variables, devices) stay, since rules are made of them.  In numbers, texts,
identities and whatever could be a secret, digits become zeros and letters become ``x``.
"""

import re
from typing import Final

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue import agicommands, clicommands
from amiproxy.ami.catalogue.applications import APPLICATIONS
from amiproxy.ami.catalogue.functions import FUNCTIONS, Form
from amiproxy.core.policy import wildcard
from amiproxy.core.policy.console.commands import words
from amiproxy.core.policy.dialplan import functions
from amiproxy.core.policy.kinds.dialling import TELEPHONES

#: Bytes of a value that are kept.
LONGEST: Final = 128
#: The same for a list of names, longer because a rule must know all of them.
LONGEST_LIST: Final = 1024
#: The suffix of a channel's name.
_SUFFIX: Final = re.compile(rb"-[0-9a-fA-F]{1,16}((?:;[12])?)\Z")
_UNIQUEID: Final = re.compile(rb"[0-9]+\.[0-9]+\Z")
_DIGIT: Final = re.compile(rb"[0-9]")
_LETTER: Final = re.compile(rb"[A-Za-z\x80-\xff]")
#: A telephone number; a device's number is shorter.
_LONG_NUMBER: Final = re.compile(rb"[0-9]{6,}")
_HOST: Final = re.compile(rb"@([A-Za-z0-9_.:-]+)")
#: Words of a command that are kept, because they are Asterisk's own; any other word could be a password.
_COMMAND_WORDS: Final = frozenset(
    {
        *(word for command in clicommands.COMMANDS for word in command),
        *(word for alias in clicommands.ALIASES for word in alias),
        *(word for command in agicommands.COMMANDS for word in command),
        *APPLICATIONS,
        *(b"all", b"brief", b"concise", b"count", b"describing", b"full", b"like", b"long", b"verbose"),
    }
)
_CALL: Final = re.compile(rb"([A-Za-z0-9_]+)\(([^()${}\"\\\[\]]*)\)\Z")
#: The part that stays when a function's arguments are hidden: names of functions that they call.
_CALLED: Final = re.compile(rb"([A-Za-z0-9_]+[ \t]*\()")
#: Characters for which a word of a command must be quoted, and those that need a backslash in quotes.
_PARTED: Final = re.compile(rb'[ \t"\\]')
_QUOTED: Final = re.compile(rb'["\\]')
#: Where the parameters of a URI begin.
_PARAMETERS: Final = re.compile(rb"[;?]")

#: Kinds whose values are kept: Asterisk's own words, and names that rules are made of.
_KEPT: Final = frozenset(
    {
        *(Kind.BOOLEAN, Kind.INTEGER, Kind.SECONDS, Kind.MILLISECONDS, Kind.HOLDING, Kind.CODECS),
        *(Kind.CONTEXT, Kind.CONTEXT_SHOWN, Kind.PRIORITY, Kind.QUEUE, Kind.APPLICATION),
        *(Kind.OBJECT, Kind.OBJECT_OR_ALL, Kind.OBJECT_REACHED),
        *(Kind.MODULE, Kind.RELOADED_MODULE, Kind.CONFIG_FILE, Kind.CONFIG_SECTION, Kind.FOLDER),
        *(Kind.BRIDGE_TECHNOLOGY, Kind.PARKING_LOT, Kind.PARKING_LOT_SHOWN, Kind.PRESENCE),
        *(Kind.MAILBOX_CONTEXT, Kind.RECORDING_FORMAT, Kind.DAHDI_CHANNEL, Kind.DAHDI_CHANNEL_SHOWN),
    }
)
#: Kinds of which only digits are hidden: a value that is not a number is a name.
_NUMBERS: Final = frozenset(
    {
        *(Kind.EXTENSION, Kind.EXTENSION_SHOWN, Kind.DIGITS, Kind.HELD_DIGITS, Kind.MAILBOX, Kind.AGENT),
        *(Kind.PARKING_SPACE, Kind.CONFERENCE_USER, Kind.DATABASE_KEY, Kind.MAILBOX_PATTERN, Kind.ACCOUNT),
    }
)
#: Names, which are kept except for telephone numbers in them.
_NAMES: Final = frozenset({Kind.WORD, Kind.CONFERENCE, Kind.WHOLE_CONFERENCE, Kind.DATABASE_FAMILY})
_DEVICES: Final = frozenset(
    {Kind.DIAL_STRING, Kind.COMEBACK, Kind.INTERFACE, Kind.MEMBER_KEY, Kind.STATE_INTERFACE, Kind.MEMBER}
)
_CHANNELS: Final = frozenset({Kind.CHANNEL, Kind.CHANNEL_PREFIX, Kind.CHANNEL_PATTERN, Kind.CHANNEL_OR_ALL})
_LISTS: Final = frozenset({Kind.ASSIGNMENTS, Kind.VARIABLES_READ})
#: Kinds whose values are not recorded.
UNRECORDED: Final = frozenset({Kind.CREDENTIAL, Kind.EVENT_FILTER, Kind.EVENT_MASK, Kind.PAYLOAD})


def example(kind: Kind, value: bytes) -> bytes:
    """An example for a value of this kind; the policy judges both alike.  It may be cut."""
    value = value[: LONGEST_LIST if kind in _LISTS else LONGEST]
    if kind in _KEPT:
        return value
    if kind in _NUMBERS:
        return _DIGIT.sub(b"0", value)
    if kind in _NAMES:
        return _LONG_NUMBER.sub(_zeros, value)
    if kind in _DEVICES:
        return device(value)
    if kind in _CHANNELS:
        return _channel(value)
    if kind is Kind.ASSIGNMENTS:
        return _assignments(value)
    if kind in {Kind.VARIABLE_READ, Kind.VARIABLE_SET}:
        return _variable(value)
    if kind is Kind.VARIABLES_READ:
        return b",".join(map(_variable, functions.arguments(value)))
    if kind is Kind.GOSUB:
        place, parenthesis, rest = value.partition(b"(")
        return _LONG_NUMBER.sub(_zeros, place) + parenthesis + hidden(rest)
    if kind in {Kind.CLI_COMMAND, Kind.AGI_COMMAND}:
        return _command(value)
    if kind is Kind.CONFIG_OPTIONS:
        # Asterisk's own words and names of sections stay; the values that a filter looks for are hidden.
        options, filtered, wanted = value.partition(b"catfilter")
        return options + filtered + hidden(wanted)
    if kind is Kind.URI:
        return _uri(value)
    return hidden(value)


def hidden(value: bytes) -> bytes:
    """Replace digits by zeros and letters by ``x``; other characters stay, since they may decide a rule."""
    return _LETTER.sub(b"x", _DIGIT.sub(b"0", value))


def device(value: bytes) -> bytes:
    """Hide the dialled number in a dial string; technology, device, trunk and context stay."""
    technology, slash, rest = value.partition(b"/")
    number, at, place = rest.partition(b"@")
    if at:
        # With a colon it is a user name and a password.
        number = hidden(number) if b":" in number else _DIGIT.sub(b"0", number)
    return technology + slash + _LONG_NUMBER.sub(_zeros, number) + at + _LONG_NUMBER.sub(_zeros, place)


def _zeros(found: re.Match[bytes]) -> bytes:
    return b"0" * len(found.group())


def _channel(value: bytes) -> bytes:
    if _UNIQUEID.match(value):
        return b"0000000000.0"
    if _SUFFIX.search(value):
        return _SUFFIX.sub(rb"-00000000\1", device(value))
    return device(value)


def _variable(value: bytes) -> bytes:
    """A variable as it is; a function call with an example of each argument, by the function's form."""
    if b"(" not in value and b"$" not in value:
        return value
    call = _CALL.match(value)
    function = FUNCTIONS.get(call[1]) if call else None
    if call is not None and function is not None:
        given = call[2].split(b",")
        for form in function.reads + function.writes:
            if _fits(form, given):
                kinds = (*form.arguments, *([Kind.TEXT] * len(given)))
                shown = (_argument(kind, item) for kind, item in zip(kinds, given, strict=False))
                return b"%b(%b)" % (call[1], b",".join(shown))
    parts = _CALLED.split(value)
    return b"".join(part if number % 2 else hidden(part) for number, part in enumerate(parts))


def _fits(form: Form, given: list[bytes]) -> bool:
    if len(given) > len(form.arguments) and not form.repeats:
        return False
    return all(
        not isinstance(kind, frozenset) or item.lower() in kind
        for kind, item in zip(form.arguments, given, strict=False)
    )


def _argument(kind: Kind | frozenset[bytes], value: bytes) -> bytes:
    return value if isinstance(kind, frozenset) else example(kind, value)


def _assignments(value: bytes) -> bytes:
    return b",".join(
        _variable(name) + b"=" + hidden(assigned) for name, assigned in functions.assignments([value])
    )


def _command(value: bytes) -> bytes:
    return b" ".join(map(_word, words(value)))


def _word(word: bytes) -> bytes:
    if word.lower() in _COMMAND_WORDS:
        return word
    if b"(" in word:
        return _variable(word)
    technology, slash, rest = word.partition(b"/")
    if slash and wildcard.matches_any_case(TELEPHONES, technology):
        return technology + slash + hidden(rest)
    # A word that was quoted must stay one word.
    shown = hidden(word)
    return b'"%b"' % _QUOTED.sub(rb"\\\g<0>", shown) if _PARTED.search(shown) or not shown else shown


def _uri(value: bytes) -> bytes:
    scheme, colon, rest = value.partition(b":")
    host = _HOST.search(rest)
    if host is None:
        end = _end_of_name(rest)
        return _LONG_NUMBER.sub(_zeros, scheme + colon + rest[:end]) + hidden(rest[end:])
    return scheme + colon + hidden(rest[: host.start()]) + host[0] + hidden(rest[host.end() :])


def _end_of_name(rest: bytes) -> int:
    found = _PARAMETERS.search(rest)
    return found.start() if found else len(rest)
