"""Kinds: what an argument of an action is, whichever action it belongs to.

A closed vocabulary.  A kind says what Asterisk does with the value, and so which
one check it passes (``proxy.core.policy.kinds``).  The texts are the names that
operators read and write: in ``explain``, in the guide, and in the ``actions`` of
proxy.yaml.
"""

from collections.abc import Mapping
from enum import Enum, unique
from types import MappingProxyType
from typing import Final


@unique
class Kind(Enum):
    """One kind of argument; the value is its name for people."""

    # Members are singletons.  Enum's own hash is Python code, run twice for every argument of every action.
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

    # What runs.
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

    # Things by name.
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

    # Of the session itself, answered by the proxy.
    CREDENTIAL = "credential"
    EVENT_MASK = "event-mask"
    EVENT_FILTER = "event-filter"


#: For people: what a value of the kind is, and what about it is checked.
MEANING: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.WORD: "one of Asterisk's own words",
        Kind.BOOLEAN: "yes or no, as Asterisk writes them",
        Kind.INTEGER: "a whole number",
        Kind.SECONDS: "a number of seconds",
        Kind.MILLISECONDS: "a number of milliseconds",
        Kind.HOLDING: "milliseconds for which Asterisk holds up the link (`limits.link_hold`)",
        Kind.DIGITS: "digits to be played",
        Kind.HELD_DIGITS: "digits to be played while the link waits (`limits.link_hold`)",
        Kind.CHANNEL: "a channel that is there, within `channels`",
        Kind.CHANNEL_PREFIX: "a channel by the beginning of its name; a whole one for users with `channels`",
        Kind.CHANNEL_PATTERN: "a channel, or `/pattern/` with class system",
        Kind.CHANNEL_OR_ALL: "a channel of a conference, or `all`; one whole name for a user with `channels`",
        Kind.UNSENDABLE: "never sent: Asterisk would crash on a value that does not exist",
        Kind.DIAL_STRING: "what is to be called: `technologies`, `hosts`, `channels` and `contexts` hold",
        Kind.COMEBACK: "the channel that a parked call comes back to: judged as a dial string",
        Kind.INTERFACE: "a queue's member, which the queue calls: judged as a dial string",
        Kind.MEMBER_KEY: "a member that is in the queue already, within `channels`",
        Kind.STATE_INTERFACE: "the device whose state is a member's, within `channels`",
        Kind.NEW_ID: "the id of a channel that is to be: letters, digits, `_ . -`",
        Kind.CONTEXT: "where a call goes, within `contexts`",
        Kind.CONTEXT_SHOWN: "a context that is only looked at",
        Kind.EXTENSION: "an extension: letters, digits, `_ * # + . -`",
        Kind.EXTENSION_SHOWN: "an extension or pattern that is only looked at",
        Kind.PRIORITY: "a priority or its label",
        Kind.GOSUB: "a subroutine before dialling: refused, since it would not run",
        Kind.CALLER_ID: "a caller's name and number",
        Kind.ACCOUNT: "an account code: letters, digits, blanks and `_ . , : @ + * # -`",
        Kind.CODECS: "a list of codecs",
        Kind.APPLICATION: "a dialplan application: those below, or the user's `applications`",
        Kind.APPLICATION_DATA: "an application's arguments: each of its own kind",
        Kind.AGI_COMMAND: "an AGI command and its arguments",
        Kind.CLI_COMMAND: "a command of Asterisk's command line: its class, and the user's `commands`",
        Kind.EXPRESSION: "text in which Asterisk fills in variables: plain `${NAME}` of those below",
        Kind.VARIABLE_READ: "a variable or function to read: the functions below, or the user's `functions`",
        Kind.VARIABLES_READ: "several of them",
        Kind.VARIABLE_SET: "a variable or function to set, within the user's `variables`",
        Kind.VARIABLE_VALUE: "what it is set to: of the variable's kind where Asterisk itself reads it",
        Kind.ASSIGNMENTS: "variables with their values",
        Kind.SHELL_COMMAND: "a shell command: class system",
        Kind.VARIABLE_NAME: "the plain name of a variable, which Asterisk evaluates",
        Kind.REGULAR_EXPRESSION: "a regular expression: class system, and bounded",
        Kind.PLAIN_NAME: "a name that becomes part of a path: letters, digits, _ . + -",
        Kind.DEVICE: "the name of a device",
        Kind.QUEUE: "the name of a queue",
        Kind.MEMBER: "an interface or name that is compared",
        Kind.MEMBER_NAME: "a member's name: no `;` and `|`, which part what app_queue stores",
        Kind.CONFERENCE: "the name of a conference",
        Kind.WHOLE_CONFERENCE: "a conference with all its calls; not for a user with `channels`",
        Kind.CONFERENCE_USER: "a place in a conference; not for a user with `channels`",
        Kind.MAILBOX: "mailboxes; no path",
        Kind.MAILBOX_PATTERN: "a mailbox, or `/pattern/` with class system",
        Kind.MAILBOX_CONTEXT: "a context of voicemail; no path",
        Kind.FOLDER: "a folder of voicemail; no path",
        Kind.MESSAGE_ID: "the id of a message",
        Kind.BRIDGE: "the id of a bridge",
        Kind.WHOLE_BRIDGE: "a bridge with all its calls; not for a user with `channels`",
        Kind.BRIDGE_TECHNOLOGY: "a bridging technology; not for a user with `channels`",
        Kind.AGENT: "an agent; not for a user with `channels`",
        Kind.PARKING_LOT: "a parking lot, which has contexts of its own; not for a user with `contexts`",
        Kind.PARKING_LOT_SHOWN: "a parking lot that is only looked at",
        Kind.PARKING_SPACE: "a space of a parking lot",
        Kind.DAHDI_CHANNEL: "a DAHDI channel by number; not for a user with `channels`",
        Kind.DAHDI_CHANNEL_SHOWN: "a DAHDI channel that is only looked at",
        Kind.OBJECT: "an endpoint, peer, registration or cache by its name",
        Kind.OBJECT_OR_ALL: "the same; all of them with class system",
        Kind.OBJECT_REACHED: "an endpoint that Asterisk sends something; not for a user with `channels`",
        Kind.PRESENCE: "a provider of presence and its resource",
        Kind.MODULE: "the name of a module",
        Kind.DATABASE_FAMILY: "a family of AstDB; `dundi`, which keeps keys, with class system",
        Kind.DATABASE_KEY: "a key of AstDB",
        Kind.DATABASE_VALUE: "a value of AstDB",
        Kind.CONFIG_FILE: "the plain name of a .conf file, and no file of the manager's accounts",
        Kind.CONFIG_SECTION: "a section of a configuration file",
        Kind.CONFIG_TEXT: "a name or value in a configuration file; no #include, no #exec",
        Kind.CONFIG_FILTER: "regular expressions: class system, 256 characters, no counts",
        Kind.CONFIG_OPTIONS: "`allowdups`, `template`, `ignoreerror`, one template to `inherit`; `catfilter`",
        Kind.RELOADED_MODULE: "a module to load or reload; the manager with class system",
        Kind.RECORDING: "a file below the folder of recordings; any with class system",
        Kind.RECORDING_FORMAT: "the format of a recording",
        Kind.ANY_FILE: "any file: class system",
        Kind.NUMBER: "a number in an application's data, with a unit or several parts",
        Kind.COUNT: "how many Asterisk makes of something: 99 at most",
        Kind.REPEATS: "how often Asterisk does something over: 99 times at most, and never without end",
        Kind.TYPED_DIGITS: "digits for the one called; for users with `contexts` not on a Local channel",
        Kind.NOTHING: "an argument that only class system may give",
        Kind.SOUNDS: "sounds joined by `&`: names below the folder of sounds, no path, no URL",
        Kind.IMAGE: "an image: a name below their folder, no path",
        Kind.LANGUAGE: "a language: letters, digits, `_` and `-`",
        Kind.MUSIC_CLASS: "a class of music on hold, looked up by name",
        Kind.TONES: "the name of a tone, or frequencies and durations",
        Kind.TIME_ZONE: "a time zone below the system's folder of them",
        Kind.TIMING: "times and a time zone, with what to choose by them: no path",
        Kind.DATE_FORMAT: "how a date is spoken: letters, and sounds in single quotes",
        Kind.SHOWN_URL: "an address that a telephone shows; not for users with `contexts` or `channels`",
        Kind.DIAL_STRINGS: "dial strings joined by `&`",
        Kind.PLACE: "`[[context,]extension,]priority`, within `contexts`",
        Kind.SUBROUTINE: "a place, with arguments in parentheses",
        Kind.AGI_SCRIPT: "an AGI script: a plain name below their folder",
        Kind.FILLED_VARIABLE: "a variable that gets what a caller types: by the table of variables",
        Kind.ASSIGNMENT: "`NAME=value`: by the tables of variables and functions",
        Kind.SEVERAL_ASSIGNMENTS: "several of them, joined by commas",
        Kind.EVENT_HEADERS: "headers of a user event, none of a message's frame",
        Kind.URI: "the address of a message: endpoints by name, hosts within `hosts`",
        Kind.SIP_HEADERS: "headers of a SIP message",
        Kind.TEXT: "text, with nothing in it that is evaluated",
        Kind.EVENT_TEXT: "text that is copied into an event",
        Kind.QUEUE_TEXT: "a member's reason: no `;` and `|`",
        Kind.QUEUE_LOG_COLUMN: "a column of the queue log: no `|`",
        Kind.QUEUE_LOG_TEXT: "columns of the queue log",
        Kind.BASE64: "text in Base64",
        Kind.PAYLOAD: "lines of a user event; none that a reader takes for the event's frame",
        Kind.CREDENTIAL: "a name or secret, for the proxy itself",
        Kind.EVENT_MASK: "which events are wanted, for the proxy itself",
        Kind.EVENT_FILTER: "a filter of events, for the proxy itself",
    }
)

#: What an operator may say of a header in ``actions`` of proxy.yaml: kinds whose check asks for no class.
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
