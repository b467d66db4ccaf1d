"""Names, words and numbers: values that Asterisk compares, looks up or counts with.

A name that Asterisk looks up without success has no effect, so the allowed
characters are many.  They are restricted because of the other places where a value
may end up: a folder's name, a database record, a log line, an id that dialplans trust.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy.verdict import Deny, Judged, refuse

_WORD: Final = re.compile(rb"[A-Za-z0-9_.,:;@+*#/() -]*\Z")
_NUMBER: Final = re.compile(rb"[A-Za-z0-9.+ -]*\Z")
#: A number with a unit or several parts: 20, 1.5, 500ms, 20^10, 60000:30000.
_AMOUNT: Final = re.compile(rb"[-+]?[0-9.:^]*(?:ms|s|m|h)?\Z")
_COUNT: Final = re.compile(rb"[0-9]{0,2}\Z")
_DIGITS: Final = re.compile(rb"[0-9A-Za-z*#.,+ -]*\Z")
#: Includes bytes beyond ASCII: operators name queues and rooms in their own language.
_NAME: Final = re.compile(rb"[A-Za-z0-9_.,:@+*#/()&'! \x80-\xff-]*\Z")
_SHOWN: Final = re.compile(rb"[A-Za-z0-9_.,:@+*#/!\[\] \x80-\xff-]*\Z")
_PLAIN_NAME: Final = re.compile(rb"[A-Za-z0-9_.+-]*\Z")
_ACCOUNT: Final = re.compile(rb"[A-Za-z0-9_.,:@+*# \x80-\xff-]*\Z")
_VARIABLE_NAME: Final = re.compile(rb"[A-Za-z0-9_]{1,79}\Z")
_CODECS: Final = re.compile(rb"[A-Za-z0-9_,.!:-]*\Z")
_MAILBOX: Final = re.compile(rb"[A-Za-z0-9_+*#,&@ \x80-\xff-]+(?:\.[A-Za-z0-9_+*#,&@ \x80-\xff-]+)*\Z")
_NEW_ID: Final = re.compile(rb"[A-Za-z0-9_.-]{1,149}\Z")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=]*\Z")
_BELOW: Final = re.compile(rb"(?!-)[A-Za-z0-9_.@+=-]+(?:/[A-Za-z0-9_.@+=-]+)*\Z")
_FORMAT: Final = re.compile(rb"[A-Za-z0-9_|-]*\Z")
_CONFIG_FILE: Final = re.compile(rb"[A-Za-z0-9_.-]+\.conf\Z")
#: Files that contain manager accounts; users.conf defines some with ``hasmanager``.
_ACCOUNTS: Final = re.compile(rb"\.*manager|users\.conf\Z|.*ami[-_]?proxy", re.IGNORECASE)

#: The family in which pbx_dundi stores the key of its encrypted connections.  When Asterisk lists a family,
#: ``_`` matches any character, including the slash before a key, and ``%`` any number of characters.
_KEEPS_SECRETS: Final = re.compile(rb"/*[d_][u_][n_][d_][i_](?:[/_]|\Z)", re.IGNORECASE)

_CHARACTERS: Final = refuse("characters", "it has characters that are not allowed in a value of this kind")
_STORED: Final = refuse("characters", "it must not contain ; or |, which app_queue stores as separators")
_COLUMN: Final = refuse("characters", "it must not contain |, which separates the columns of the queue log")
_ALL: Final = refuse("everything", "it means everything of its kind; name one, or get class system")
_FILE: Final = refuse("recording-file", "a plain name below the recordings folder, or class system")
_SCRIPT_FILE: Final = refuse("agi-script", "a plain name below the AGI folder, or class system")
_SECRETS: Final = refuse("database-secret", "Asterisk stores secrets there: it needs class system")
_NOTHING: Final = refuse("characters", "this argument must be empty")
_CONFIG: Final = Deny(
    b"File requires escalated privileges", "config-file", "a plain .conf file name, without manager accounts"
)


def word(_user: Judged, value: bytes) -> Deny | None:
    """A word of Asterisk's own vocabulary; Asterisk itself refuses unknown ones."""
    return None if _WORD.match(value) else _CHARACTERS


def number(_user: Judged, value: bytes) -> Deny | None:
    """A number, or something that Asterisk itself refuses as a number."""
    return None if _NUMBER.match(value) else _CHARACTERS


def amount(_user: Judged, value: bytes) -> Deny | None:
    """A number in an application's data: it may have a unit, or several parts."""
    return None if _AMOUNT.match(value) else _CHARACTERS


def count(_user: Judged, value: bytes) -> Deny | None:
    """How many items Asterisk creates, or how often it repeats something: each costs memory or an event."""
    return None if _COUNT.match(value) else _CHARACTERS


def nothing(_user: Judged, value: bytes) -> Deny | None:
    """An argument that only class system may give."""
    return _NOTHING if value else None


def agi_script(user: Judged, value: bytes) -> Deny | None:
    """A script that Asterisk runs: a path may be any program, and a URL may lead to another host."""
    return None if not value or user.write & SYSTEM or _is_below(value) else _SCRIPT_FILE


def digits(_user: Judged, value: bytes) -> Deny | None:
    """Digits to play."""
    return None if _DIGITS.match(value) else _CHARACTERS


def name(user: Judged, value: bytes) -> Deny | None:
    """The name of something that Asterisk looks up."""
    return None if user.write & SYSTEM or _NAME.match(value) else _CHARACTERS


def each_family(user: Judged, value: bytes) -> Deny | None:
    """A family of AstDB, where an empty one means the whole database."""
    return database_family(user, value) if user.write & SYSTEM or value.strip(b"/") else _ALL


def or_all(user: Judged, value: bytes) -> Deny | None:
    """A name, or a word that stands for all objects."""
    if user.write & SYSTEM:
        return None
    return _ALL if value.startswith(b"*") or value.lower() == b"all" else name(user, value)


def shown(user: Judged, value: bytes) -> Deny | None:
    """A place in the dialplan that is only displayed; extensions may be patterns."""
    return None if user.write & SYSTEM or _SHOWN.match(value) else _CHARACTERS


def plain_name(_user: Judged, value: bytes) -> Deny | None:
    """A name that becomes part of a path: a language, a music class."""
    return None if _PLAIN_NAME.match(value) and b".." not in value else _CHARACTERS


def variable_name(user: Judged, value: bytes) -> Deny | None:
    """The name of a variable that Asterisk puts between ``${`` and ``}``: not a function, not a substring."""
    return None if user.write & SYSTEM or _VARIABLE_NAME.match(value) else _CHARACTERS


def codecs(_user: Judged, value: bytes) -> Deny | None:
    """A list of codecs."""
    return None if _CODECS.match(value) else _CHARACTERS


def mailbox(_user: Judged, value: bytes) -> Deny | None:
    """Mailboxes: Asterisk builds a folder's name from each, so no user may give a path."""
    return None if not value or _MAILBOX.match(value) else _CHARACTERS


def new_id(_user: Judged, value: bytes) -> Deny | None:
    """The Uniqueid of a channel to be created: dialplans trust that it is harmless text."""
    return None if not value or _NEW_ID.match(value) else _CHARACTERS


def account(user: Judged, value: bytes) -> Deny | None:
    """An account code: files of call records are named by it, and dialplans pass it on as harmless text."""
    return None if user.write & SYSTEM or _ACCOUNT.match(value) else _CHARACTERS


def database_family(user: Judged, value: bytes) -> Deny | None:
    """A family of AstDB.  Families with Asterisk's own secrets need class system.

    The others are open to class reporting, as in Asterisk, which lists contacts, registrations and queue
    members to it anyway.  Families in which the site's own dialplan stores data can be closed by the
    operator's ``rules``; the actions that read the database are refused to a user with a scope.
    """
    if user.write & SYSTEM:
        return None
    if _KEEPS_SECRETS.match(value):
        return _SECRETS
    return _CHARACTERS if b"%" in value else None


def base64(_user: Judged, value: bytes) -> Deny | None:
    """Text in Base64."""
    return None if _BASE64.match(value) else _CHARACTERS


def stored_in_queue(_user: Judged, value: bytes) -> Deny | None:
    """Free text about a queue member, which app_queue stores unescaped in a record and parses again."""
    return _STORED if b";" in value or b"|" in value else None


def queue_log_column(_user: Judged, value: bytes) -> Deny | None:
    """One column of the queue log."""
    return _COLUMN if b"|" in value else None


def recording(user: Judged, value: bytes) -> Deny | None:
    """A file to record to.

    Asterisk accepts any path, and up to version 20 passes the name to a shell when it mixes the two halves.
    """
    return None if not value or user.write & SYSTEM or _is_below(value) else _FILE


def _is_below(value: bytes) -> bool:
    """Whether a file name stays inside its intended folder."""
    return _BELOW.match(value) is not None and b".." not in value


def recording_format(user: Judged, value: bytes) -> Deny | None:
    """The format of a recording, which Asterisk passes to that shell as well."""
    return None if user.write & SYSTEM or _FORMAT.match(value) else _FILE


def config_file(_user: Judged, value: bytes) -> Deny | None:
    """A configuration file: for no user a path, or a file with manager accounts.

    Asterisk compares only the beginning of the resolved path, so that a folder beside its own passes, and
    older versions do not check at all.
    """
    if value and (not _CONFIG_FILE.match(value) or b".." in value or _ACCOUNTS.match(value)):
        return _CONFIG
    return None
