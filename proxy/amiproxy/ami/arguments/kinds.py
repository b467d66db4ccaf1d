"""Kinds: what an argument is, whichever action it belongs to.

A closed vocabulary.  A kind says what Asterisk does with the value, and so which
check applies to it (``amiproxy.core.policy.kinds``).  The enum values are the names
that operators read and write: in ``explain``, in the guide, and in the ``actions``
of proxy.yaml.
"""

# mypyc: compiled

from collections.abc import Mapping
from enum import Enum, unique
from types import MappingProxyType
from typing import Final


@unique
class Kind(Enum):
    """One kind of argument; the enum value is the name that operators use."""

    # Members are singletons, so identity hashing is correct.  Enum's own __hash__ is Python code, and would
    # run twice for every argument of every action.
    __hash__ = object.__hash__

    # Words and numbers: Asterisk compares or counts with them.
    WORD = "word"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    HOLDING = "holding-milliseconds"
    DIGITS = "digits"
    HELD_DIGITS = "holding-digits"

    # Calls, and places in the dialplan.
    CHANNEL = "channel"
    CHANNEL_PREFIX = "channel-prefix"
    CHANNEL_PATTERN = "channel-pattern"
    CHANNEL_OR_ALL = "channel-or-all"
    UNSENDABLE = "never-sent"
    DIAL_STRING = "dial-string"
    COMEBACK = "comeback-channel"
    INTERFACE = "interface"
    MEMBER_KEY = "member-key"
    STATE_INTERFACE = "state-interface"
    NEW_ID = "new-id"
    CONTEXT = "context"
    CONTEXT_SHOWN = "context-shown"
    EXTENSION = "extension"
    EXTENSION_SHOWN = "extension-shown"
    PRIORITY = "priority"
    GOSUB = "gosub"
    CALLER_ID = "caller-id"
    ACCOUNT = "account"
    CODECS = "codecs"

    # Code, commands and variables.
    APPLICATION = "application"
    APPLICATION_DATA = "application-data"
    AGI_COMMAND = "agi-command"
    CLI_COMMAND = "cli-command"
    EXPRESSION = "expression"
    VARIABLE_READ = "variable-read"
    VARIABLES_READ = "variables-read"
    VARIABLE_SET = "variable-set"
    VARIABLE_VALUE = "variable-value"
    ASSIGNMENTS = "assignments"
    SHELL_COMMAND = "shell-command"
    VARIABLE_NAME = "variable-name"
    REGULAR_EXPRESSION = "regular-expression"

    # Objects by name.
    PLAIN_NAME = "plain-name"
    DEVICE = "device"
    QUEUE = "queue"
    MEMBER = "member"
    MEMBER_NAME = "member-name"
    CONFERENCE = "conference"
    WHOLE_CONFERENCE = "whole-conference"
    CONFERENCE_USER = "conference-user"
    MAILBOX = "mailbox"
    MAILBOX_PATTERN = "mailbox-pattern"
    MAILBOX_CONTEXT = "mailbox-context"
    FOLDER = "voicemail-folder"
    MESSAGE_ID = "message-id"
    BRIDGE = "bridge"
    WHOLE_BRIDGE = "whole-bridge"
    BRIDGE_TECHNOLOGY = "bridge-technology"
    AGENT = "agent"
    PARKING_LOT = "parking-lot"
    PARKING_LOT_SHOWN = "parking-lot-shown"
    PARKING_SPACE = "parking-space"
    DAHDI_CHANNEL = "dahdi-channel"
    DAHDI_CHANNEL_SHOWN = "dahdi-channel-shown"
    OBJECT = "object"
    OBJECT_OR_ALL = "object-or-all"
    OBJECT_REACHED = "object-reached"
    PRESENCE = "presence"
    MODULE = "module"

    # The database, configuration and other files.
    DATABASE_FAMILY = "database-family"
    DATABASE_KEY = "database-key"
    DATABASE_VALUE = "database-value"
    CONFIG_FILE = "config-file"
    CONFIG_SECTION = "config-section"
    CONFIG_TEXT = "config-text"
    CONFIG_FILTER = "config-filter"
    CONFIG_OPTIONS = "config-options"
    RELOADED_MODULE = "reloaded-module"
    RECORDING = "recording"
    RECORDING_FORMAT = "recording-format"
    ANY_FILE = "any-file"

    # Addresses and texts.
    URI = "uri"
    SIP_HEADERS = "sip-headers"
    TEXT = "text"
    EVENT_TEXT = "event-text"
    QUEUE_TEXT = "queue-text"
    QUEUE_LOG_COLUMN = "queue-log-column"
    QUEUE_LOG_TEXT = "queue-log-text"
    BASE64 = "base64"
    PAYLOAD = "payload"

    # Arguments of dialplan applications.
    NUMBER = "number"
    COUNT = "count"
    REPEATS = "repeats"
    TYPED_DIGITS = "typed-digits"
    NOTHING = "nothing"
    SOUNDS = "sounds"
    IMAGE = "image"
    LANGUAGE = "language"
    MUSIC_CLASS = "music-class"
    TONES = "tones"
    TIME_ZONE = "time-zone"
    TIMING = "timing"
    DATE_FORMAT = "date-format"
    SHOWN_URL = "shown-url"
    DIAL_STRINGS = "dial-strings"
    PLACE = "place"
    SUBROUTINE = "subroutine"
    AGI_SCRIPT = "agi-script"
    FILLED_VARIABLE = "filled-variable"
    ASSIGNMENT = "assignment"
    SEVERAL_ASSIGNMENTS = "several-assignments"
    EVENT_HEADERS = "event-headers"

    # Arguments of actions that the proxy itself answers.
    CREDENTIAL = "credential"
    EVENT_MASK = "event-mask"
    EVENT_FILTER = "event-filter"


#: Texts for operators: what a value of the kind is, and what is checked.
MEANING: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.WORD: "one of Asterisk's own words",
        Kind.BOOLEAN: "yes or no, as Asterisk writes them",
        Kind.INTEGER: "a whole number",
        Kind.SECONDS: "a number of seconds",
        Kind.MILLISECONDS: "a number of milliseconds",
        Kind.HOLDING: "milliseconds for which Asterisk blocks the link (`limits.link_hold`)",
        Kind.DIGITS: "digits to play",
        Kind.HELD_DIGITS: "digits to play while the link is blocked (`limits.link_hold`)",
        Kind.CHANNEL: "an existing channel, within `channels`",
        Kind.CHANNEL_PREFIX: "the beginning of a channel's name; the full name for users with `channels`",
        Kind.CHANNEL_PATTERN: "a channel, or `/pattern/` with class system",
        Kind.CHANNEL_OR_ALL: "a channel of a conference, or `all`; one full name for users with `channels`",
        Kind.UNSENDABLE: "never sent: Asterisk would crash on a value that does not exist",
        Kind.DIAL_STRING: "what to call, within `technologies`, `hosts`, `channels` and `contexts`",
        Kind.COMEBACK: "the channel to which a parked call returns: checked as a dial string",
        Kind.INTERFACE: "a queue member, which the queue calls: checked as a dial string",
        Kind.MEMBER_KEY: "an existing member of the queue, within `channels`",
        Kind.STATE_INTERFACE: "the device whose state counts as the member's, within `channels`",
        Kind.NEW_ID: "the id of a channel to be created: letters, digits, `_ . -`",
        Kind.CONTEXT: "where a call goes, within `contexts`",
        Kind.CONTEXT_SHOWN: "a context that is only displayed",
        Kind.EXTENSION: "an extension: letters, digits, `_ * # + . -`",
        Kind.EXTENSION_SHOWN: "an extension or pattern that is only displayed",
        Kind.PRIORITY: "a priority or its label",
        Kind.GOSUB: "a subroutine before dialling: refused, since it would not run",
        Kind.CALLER_ID: "a caller's name and number",
        Kind.ACCOUNT: "an account code: letters, digits, blanks and `_ . , : @ + * # -`",
        Kind.CODECS: "a list of codecs",
        Kind.APPLICATION: "a dialplan application: those below, or the user's `applications`",
        Kind.APPLICATION_DATA: "an application's arguments, each of its own kind",
        Kind.AGI_COMMAND: "an AGI command and its arguments",
        Kind.CLI_COMMAND: "a command of Asterisk's CLI: needs its class, and the user's `commands`",
        Kind.EXPRESSION: "text in which Asterisk replaces variables: plain `${NAME}` of those below",
        Kind.VARIABLE_READ: "a variable or function to read: the functions below, or the user's `functions`",
        Kind.VARIABLES_READ: "several variables or functions to read",
        Kind.VARIABLE_SET: "a variable or function to set, within the user's `variables`",
        Kind.VARIABLE_VALUE: "the value of a variable: of that variable's kind if Asterisk itself reads it",
        Kind.ASSIGNMENTS: "variables with their values",
        Kind.SHELL_COMMAND: "a shell command: needs class system",
        Kind.VARIABLE_NAME: "the plain name of a variable, which Asterisk evaluates",
        Kind.REGULAR_EXPRESSION: "a regular expression: needs class system, and is bounded",
        Kind.PLAIN_NAME: "a name that becomes part of a path: letters, digits, _ . + -",
        Kind.DEVICE: "the name of a device",
        Kind.QUEUE: "the name of a queue",
        Kind.MEMBER: "an interface or name that Asterisk only compares",
        Kind.MEMBER_NAME: "a member's name, without `;` and `|`, which app_queue stores as separators",
        Kind.CONFERENCE: "the name of a conference",
        Kind.WHOLE_CONFERENCE: "a conference with all its calls; not for users with `channels`",
        Kind.CONFERENCE_USER: "the number of a conference user; not for users with `channels`",
        Kind.MAILBOX: "mailboxes, without a path",
        Kind.MAILBOX_PATTERN: "a mailbox, or `/pattern/` with class system",
        Kind.MAILBOX_CONTEXT: "a voicemail context, without a path",
        Kind.FOLDER: "a voicemail folder, without a path",
        Kind.MESSAGE_ID: "the id of a message",
        Kind.BRIDGE: "the id of a bridge",
        Kind.WHOLE_BRIDGE: "a bridge with all its calls; not for users with `channels`",
        Kind.BRIDGE_TECHNOLOGY: "a bridging technology; not for users with `channels`",
        Kind.AGENT: "an agent; not for users with `channels`",
        Kind.PARKING_LOT: "a parking lot, which has contexts of its own; not for users with `contexts`",
        Kind.PARKING_LOT_SHOWN: "a parking lot that is only displayed",
        Kind.PARKING_SPACE: "a space of a parking lot",
        Kind.DAHDI_CHANNEL: "a DAHDI channel by number; not for users with `channels`",
        Kind.DAHDI_CHANNEL_SHOWN: "a DAHDI channel that is only displayed",
        Kind.OBJECT: "an endpoint, peer, registration or cache by its name",
        Kind.OBJECT_OR_ALL: "the same; all of them only with class system",
        Kind.OBJECT_REACHED: "an endpoint to which Asterisk sends something; not for users with `channels`",
        Kind.PRESENCE: "a presence provider and its resource",
        Kind.MODULE: "the name of a module",
        Kind.DATABASE_FAMILY: "a family of AstDB; `dundi`, which stores keys, only with class system",
        Kind.DATABASE_KEY: "a key of AstDB",
        Kind.DATABASE_VALUE: "a value of AstDB",
        Kind.CONFIG_FILE: "the plain name of a .conf file, except the files with manager accounts",
        Kind.CONFIG_SECTION: "a section of a configuration file",
        Kind.CONFIG_TEXT: "a name or value in a configuration file, without #include and #exec",
        Kind.CONFIG_FILTER: "regular expressions: needs class system; 256 characters, no counts",
        Kind.CONFIG_OPTIONS: "`allowdups`, `template`, `ignoreerror`, one template to `inherit`; `catfilter`",
        Kind.RELOADED_MODULE: "a module to load or reload; the manager only with class system",
        Kind.RECORDING: "a file below the recordings folder; any file with class system",
        Kind.RECORDING_FORMAT: "the format of a recording",
        Kind.ANY_FILE: "any file: needs class system",
        Kind.NUMBER: "a number in an application's data, with a unit or several parts",
        Kind.COUNT: "how many items Asterisk creates: 99 at most",
        Kind.REPEATS: "how often Asterisk repeats something: 99 times at most, and never endlessly",
        Kind.TYPED_DIGITS: "digits for the called party; for users with `contexts` not on a Local channel",
        Kind.NOTHING: "an argument that only class system may give",
        Kind.SOUNDS: "sounds joined by `&`: names below the sounds folder, without a path or URL",
        Kind.IMAGE: "an image: a name below the images folder, without a path",
        Kind.LANGUAGE: "a language: letters, digits, `_` and `-`",
        Kind.MUSIC_CLASS: "a music-on-hold class, looked up by name",
        Kind.TONES: "the name of a tone, or frequencies and durations",
        Kind.TIME_ZONE: "a time zone below the system's time zone folder",
        Kind.TIMING: "times and a time zone, and the values to choose between by them, without a path",
        Kind.DATE_FORMAT: "how a date is spoken: letters, and sounds in single quotes",
        Kind.SHOWN_URL: "a URL that a telephone displays; not for users with `contexts` or `channels`",
        Kind.DIAL_STRINGS: "dial strings joined by `&`",
        Kind.PLACE: "`[[context,]extension,]priority`, within `contexts`",
        Kind.SUBROUTINE: "a place in the dialplan, with arguments in parentheses",
        Kind.AGI_SCRIPT: "an AGI script: a plain name below the AGI folder",
        Kind.FILLED_VARIABLE: "a variable that stores what a caller types: checked by the table of variables",
        Kind.ASSIGNMENT: "`NAME=value`: checked by the tables of variables and functions",
        Kind.SEVERAL_ASSIGNMENTS: "several assignments, joined by commas",
        Kind.EVENT_HEADERS: "headers of a user event, except those of a message's frame",
        Kind.URI: "the address of a message: endpoints by name, hosts within `hosts`",
        Kind.SIP_HEADERS: "headers of a SIP message",
        Kind.TEXT: "text in which nothing is evaluated",
        Kind.EVENT_TEXT: "text that is copied into an event",
        Kind.QUEUE_TEXT: "a reason for a member's state, without `;` and `|`",
        Kind.QUEUE_LOG_COLUMN: "a column of the queue log, without `|`",
        Kind.QUEUE_LOG_TEXT: "columns of the queue log",
        Kind.BASE64: "text in Base64",
        Kind.PAYLOAD: "lines of a user event, except those that a client would take for the event's frame",
        Kind.CREDENTIAL: "a name or secret, for the proxy itself",
        Kind.EVENT_MASK: "an event mask, for the proxy itself",
        Kind.EVENT_FILTER: "an event filter, for the proxy itself",
    }
)

#: Kinds that an operator may give a header in ``actions`` of proxy.yaml: those whose check needs no class.
DESCRIBABLE: Final = frozenset(
    {
        Kind.WORD,
        Kind.BOOLEAN,
        Kind.INTEGER,
        Kind.SECONDS,
        Kind.DIGITS,
        Kind.CHANNEL,
        Kind.DIAL_STRING,
        Kind.CONTEXT,
        Kind.EXTENSION,
        Kind.PRIORITY,
        Kind.QUEUE,
        Kind.CONFERENCE,
        Kind.MAILBOX,
        Kind.OBJECT,
        Kind.OBJECT_REACHED,
        Kind.URI,
        Kind.TEXT,
        Kind.EVENT_TEXT,
    }
)
