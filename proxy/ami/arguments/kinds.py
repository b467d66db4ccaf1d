"""Kinds: what an argument of an action is, whichever action it belongs to.

A closed vocabulary.  A kind says what Asterisk does with the value, and so which
one check it passes (``proxy.core.policy.kinds``).  The texts are the names that
operators read and write: in ``explain``, in the guide, and in the ``actions`` of
proxy.yaml.
"""

from enum import Enum, unique
from typing import Final


@unique
class Kind(Enum):
    """One kind of argument; the value is its name for people."""

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
    VARIABLE_READ = "variable-read"
    VARIABLES_READ = "variables-read"
    VARIABLE_SET = "variable-set"
    VARIABLE_VALUE = "variable-value"
    ASSIGNMENTS = "assignments"
    SHELL_COMMAND = "shell-command"

    # Things by name.
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

    # Of the session itself, answered by the proxy.
    CREDENTIAL = "credential"
    EVENT_MASK = "event-mask"
    EVENT_FILTER = "event-filter"


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
