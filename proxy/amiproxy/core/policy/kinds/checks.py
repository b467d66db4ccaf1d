"""One check for each kind of argument, the same wherever the kind occurs.

``refusal`` and ``refusal_of`` are the entry points.  A check gets the user and the value as the client sent
it (without line end, blanks at its end included), and returns its refusal, or None if the user may send the
value. It never raises.  Arguments that must be judged together (a variable's name and its value, an
application and its data) are checked for the whole action, in ``together``.
"""

# mypyc: compiled

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from amiproxy.ami.arguments import Argument, Kind
from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy import userevents
from amiproxy.core.policy.kinds import calls, dialling, media, names, patterns, places
from amiproxy.core.policy.verdict import Deny, Judged, refuse

Check = Callable[[Judged, bytes], Deny | None]

#: What Asterisk or its dialplan may evaluate, at once or later; applications remove quotes and backslashes
#: before they evaluate.
_EVALUATES: Final = re.compile(rb'[$^]["\\]*\{|\$["\\]*\[')

#: Kinds whose values are never evaluated, or whose own check looks at what is evaluated.
NOT_EVALUATED: Final = frozenset(
    {
        Kind.AGI_COMMAND,
        Kind.CLI_COMMAND,
        Kind.CONFIG_FILTER,
        Kind.CONFIG_SECTION,
        Kind.CONFIG_TEXT,
        Kind.CREDENTIAL,
        Kind.EVENT_FILTER,
        Kind.EVENT_MASK,
        Kind.EVENT_TEXT,
        Kind.EXPRESSION,
        Kind.PAYLOAD,
        Kind.VARIABLE_READ,
        Kind.VARIABLES_READ,
    }
)


def _any(_user: Judged, _value: bytes) -> None:
    """Values that are checked with the whole action, or are harmless if nothing in them is evaluated."""


CHECKS: Final[Mapping[Kind, Check]] = MappingProxyType(
    {
        Kind.WORD: names.word,
        Kind.BOOLEAN: names.word,
        Kind.INTEGER: names.number,
        Kind.SECONDS: names.number,
        Kind.MILLISECONDS: names.number,
        Kind.HOLDING: names.number,
        Kind.DIGITS: names.digits,
        Kind.HELD_DIGITS: names.digits,
        Kind.CHANNEL: calls.channel,
        Kind.CHANNEL_PREFIX: calls.prefix,
        Kind.CHANNEL_PATTERN: calls.pattern,
        Kind.CHANNEL_OR_ALL: calls.or_all,
        Kind.UNSENDABLE: _any,
        Kind.DIAL_STRING: dialling.dial_string,
        Kind.COMEBACK: dialling.comeback,
        Kind.INTERFACE: dialling.interface,
        Kind.MEMBER_KEY: dialling.member_key,
        Kind.STATE_INTERFACE: dialling.state_interface,
        Kind.NEW_ID: names.new_id,
        Kind.CONTEXT: places.context,
        Kind.CONTEXT_SHOWN: names.shown,
        Kind.EXTENSION: places.extension,
        Kind.EXTENSION_SHOWN: names.shown,
        Kind.PRIORITY: places.priority,
        Kind.GOSUB: places.gosub,
        Kind.CALLER_ID: _any,
        Kind.ACCOUNT: names.account,
        Kind.CODECS: names.codecs,
        Kind.APPLICATION: _any,
        Kind.APPLICATION_DATA: _any,
        Kind.AGI_COMMAND: _any,
        Kind.CLI_COMMAND: _any,
        Kind.EXPRESSION: _any,
        Kind.VARIABLE_READ: _any,
        Kind.VARIABLES_READ: _any,
        Kind.VARIABLE_SET: _any,
        Kind.VARIABLE_VALUE: _any,
        Kind.ASSIGNMENTS: _any,
        Kind.SHELL_COMMAND: calls.with_system,
        Kind.VARIABLE_NAME: names.variable_name,
        Kind.REGULAR_EXPRESSION: patterns.bounded,
        Kind.PLAIN_NAME: names.plain_name,
        Kind.DEVICE: names.name,
        Kind.QUEUE: names.name,
        Kind.MEMBER: _any,
        Kind.MEMBER_NAME: names.stored_in_queue,
        Kind.CONFERENCE: names.name,
        Kind.WHOLE_CONFERENCE: calls.whole_thing,
        Kind.CONFERENCE_USER: calls.whole_thing,
        Kind.MAILBOX: names.mailbox,
        Kind.MAILBOX_PATTERN: patterns.mailbox,
        Kind.MAILBOX_CONTEXT: names.mailbox,
        Kind.FOLDER: names.mailbox,
        Kind.MESSAGE_ID: names.word,
        Kind.BRIDGE: names.word,
        Kind.WHOLE_BRIDGE: calls.whole_thing,
        Kind.BRIDGE_TECHNOLOGY: calls.whole_thing,
        Kind.AGENT: calls.whole_thing,
        Kind.PARKING_LOT: places.parking_lot,
        Kind.PARKING_LOT_SHOWN: names.name,
        Kind.PARKING_SPACE: names.word,
        Kind.DAHDI_CHANNEL: calls.whole_thing,
        Kind.DAHDI_CHANNEL_SHOWN: names.word,
        Kind.OBJECT: names.name,
        Kind.OBJECT_OR_ALL: names.or_all,
        Kind.OBJECT_REACHED: calls.whole_thing,
        Kind.PRESENCE: names.name,
        Kind.MODULE: names.name,
        Kind.DATABASE_FAMILY: names.database_family,
        Kind.DATABASE_KEY: _any,
        Kind.DATABASE_VALUE: _any,
        Kind.CONFIG_FILE: names.config_file,
        Kind.CONFIG_SECTION: _any,
        Kind.CONFIG_TEXT: _any,
        Kind.CONFIG_FILTER: patterns.config_filter,
        Kind.CONFIG_OPTIONS: patterns.config_options,
        Kind.RELOADED_MODULE: _any,
        Kind.RECORDING: names.recording,
        Kind.RECORDING_FORMAT: names.recording_format,
        Kind.ANY_FILE: calls.with_system,
        Kind.URI: dialling.uri,
        Kind.SIP_HEADERS: _any,
        Kind.TEXT: _any,
        Kind.EVENT_TEXT: _any,
        Kind.QUEUE_TEXT: names.stored_in_queue,
        Kind.QUEUE_LOG_COLUMN: names.queue_log_column,
        Kind.QUEUE_LOG_TEXT: _any,
        Kind.BASE64: names.base64,
        Kind.PAYLOAD: _any,
        Kind.NUMBER: names.amount,
        Kind.COUNT: names.count,
        Kind.REPEATS: names.count,
        Kind.TYPED_DIGITS: names.digits,
        Kind.NOTHING: names.nothing,
        Kind.SOUNDS: media.sounds,
        Kind.IMAGE: media.image,
        Kind.LANGUAGE: media.language,
        Kind.MUSIC_CLASS: names.name,
        Kind.TONES: media.tones,
        Kind.TIME_ZONE: media.time_zone,
        Kind.TIMING: media.timing,
        Kind.DATE_FORMAT: media.date_format,
        Kind.SHOWN_URL: media.shown_url,
        Kind.DIAL_STRINGS: dialling.dial_strings,
        Kind.PLACE: places.place,
        Kind.SUBROUTINE: places.subroutine,
        Kind.AGI_SCRIPT: names.agi_script,
        Kind.FILLED_VARIABLE: _any,
        Kind.ASSIGNMENT: _any,
        Kind.SEVERAL_ASSIGNMENTS: _any,
        Kind.EVENT_HEADERS: userevents.headers,
        Kind.CREDENTIAL: _any,
        Kind.EVENT_MASK: _any,
        Kind.EVENT_FILTER: _any,
    }
)


def refusal(user: Judged, argument: Argument, value: bytes) -> Deny | None:
    """Why this user may not send this value as this argument; None if it may."""
    found = refusal_of(user, argument.kind, value)
    if found is None and argument.one_of and value.lower() not in argument.one_of:
        listed = b", ".join(argument.one_of).decode("ascii", "replace")
        found = refuse("one-of", f"it must be one of {listed} (see actions: in proxy.yaml)")
    if found is None:
        return None
    return Deny(found.text, found.rule, f"{argument.header.decode('ascii', 'replace')}: {found.hint}")


def refusal_of(user: Judged, kind: Kind, value: bytes) -> Deny | None:
    """Why this user may not send a value of this kind anywhere, such as in an application's data."""
    if not user.write & SYSTEM and kind not in NOT_EVALUATED and evaluates(value):
        return EVALUATED
    return CHECKS[kind](user, value)


def evaluates(value: bytes) -> bool:
    """Whether the value contains something that Asterisk may evaluate: ``${``, ``$[`` or ``^{``."""
    return _EVALUATES.search(value) is not None


EVALUATED: Final[Deny] = refuse(
    "evaluated-value", "${, $[ and ^{ may be evaluated, so they need class system"
)
