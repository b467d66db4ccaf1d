"""Names, words and numbers: values that Asterisk compares, looks up or counts with.

What is looked up and not found does nothing, so the shapes here are wide.  They
are there for where a value goes besides: into a folder's name, a record of the
database, a line of a log, an id that dialplans trust.
"""

import re
from typing import Final

from proxy.ami.privilege import SYSTEM
from proxy.core.policy.verdict import Deny, Judged, refuse

_WORD: Final = re.compile(rb"[A-Za-z0-9_.,:;@+*#/() -]*\Z")
_NUMBER: Final = re.compile(rb"[A-Za-z0-9.+ -]*\Z")
#: A number with a unit or several parts: 20, 1.5, 500ms, 20^10, 60000:30000.
_AMOUNT: Final = re.compile(rb"[-+]?[0-9.:^]*(?:ms|s|m|h)?\Z")
_COUNT: Final = re.compile(rb"[0-9]{0,2}\Z")
_DIGITS: Final = re.compile(rb"[0-9A-Za-z*#.,+ -]*\Z")
#: Operators name queues and rooms in their own language.
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
#: Accounts of the manager interface live here; users.conf makes some with ``hasmanager``.
_ACCOUNTS: Final = re.compile(rb"\.*manager|users\.conf\Z|.*ami[-_]?proxy", re.IGNORECASE)

#: pbx_dundi keeps the key of its encrypted connections there.  In a family that is listed Asterisk takes
#: ``_`` for any character, the slash in front of a key among them, and ``%`` for any number of them.
_KEEPS_SECRETS: Final = re.compile(rb"/*[d_][u_][n_][d_][i_](?:[/_]|\Z)", re.IGNORECASE)

_CHARACTERS: Final = refuse("characters", "it has characters that no value of this kind has")
_STORED: Final = refuse("characters", "; and | part what app_queue stores, so they cannot stand inside")
_COLUMN: Final = refuse("characters", "| parts the columns of the queue log, so it cannot stand inside")
_ALL: Final = refuse("everything", "it means everything of its kind; name one, or have class system")
_FILE: Final = refuse("recording-file", "a plain name below the recordings' folder, or class system")
_SCRIPT_FILE: Final = refuse("agi-script", "a plain name below the folder of AGI scripts, or class system")
_SECRETS: Final = refuse("database-secret", "Asterisk keeps secrets there: class system")
_NOTHING: Final = refuse("characters", "nothing is allowed here")
_CONFIG: Final = Deny(
    b"File requires escalated privileges", "config-file", "a plain name of a .conf file, no accounts of ours"
)


def word(_user: Judged, value: bytes) -> Deny | None:
    """A word of Asterisk's own: it says itself which it does not know."""
    return None if _WORD.match(value) else _CHARACTERS


def number(_user: Judged, value: bytes) -> Deny | None:
    """A number, or what Asterisk will say is none."""
    return None if _NUMBER.match(value) else _CHARACTERS


def amount(_user: Judged, value: bytes) -> Deny | None:
    """A number in an application's data: it may have a unit, or several parts."""
    return None if _AMOUNT.match(value) else _CHARACTERS


def count(_user: Judged, value: bytes) -> Deny | None:
    """How many Asterisk makes of something, or how often it does it: each takes memory, or an event."""
    return None if _COUNT.match(value) else _CHARACTERS


def nothing(_user: Judged, value: bytes) -> Deny | None:
    """An argument that only class system may give."""
    return _NOTHING if value else None


def agi_script(user: Judged, value: bytes) -> Deny | None:
    """A script that Asterisk runs: a path may be any program, and a URL another host's."""
    return None if not value or user.write & SYSTEM or _is_below(value) else _SCRIPT_FILE


def digits(_user: Judged, value: bytes) -> Deny | None:
    """Digits to be played."""
    return None if _DIGITS.match(value) else _CHARACTERS


def name(user: Judged, value: bytes) -> Deny | None:
    """The name of something that Asterisk looks up."""
    return None if user.write & SYSTEM or _NAME.match(value) else _CHARACTERS


def each_family(user: Judged, value: bytes) -> Deny | None:
    """The same where an empty one is the whole database."""
    return database_family(user, value) if user.write & SYSTEM or value.strip(b"/") else _ALL


def or_all(user: Judged, value: bytes) -> Deny | None:
    """A name, or a word that stands for all there are."""
    if user.write & SYSTEM:
        return None
    return _ALL if value.startswith(b"*") or value.lower() == b"all" else name(user, value)


def shown(user: Judged, value: bytes) -> Deny | None:
    """A place in the dialplan that is only looked at; extensions may be patterns."""
    return None if user.write & SYSTEM or _SHOWN.match(value) else _CHARACTERS


def plain_name(_user: Judged, value: bytes) -> Deny | None:
    """A name that becomes part of a path: a language, a class of music."""
    return None if _PLAIN_NAME.match(value) and b".." not in value else _CHARACTERS


def variable_name(user: Judged, value: bytes) -> Deny | None:
    """The name of a variable that Asterisk itself puts between ``${`` and ``}``: no function, no part."""
    return None if user.write & SYSTEM or _VARIABLE_NAME.match(value) else _CHARACTERS


def codecs(_user: Judged, value: bytes) -> Deny | None:
    """A list of codecs."""
    return None if _CODECS.match(value) else _CHARACTERS


def mailbox(_user: Judged, value: bytes) -> Deny | None:
    """Mailboxes: Asterisk makes the name of a folder of each, so no path, for anybody."""
    return None if not value or _MAILBOX.match(value) else _CHARACTERS


def new_id(_user: Judged, value: bytes) -> Deny | None:
    """The Uniqueid of a channel that is to be: dialplans trust that it is harmless text."""
    return None if not value or _NEW_ID.match(value) else _CHARACTERS


def account(user: Judged, value: bytes) -> Deny | None:
    """An account code: records of calls are named by it, and dialplans hand it on as harmless text."""
    return None if user.write & SYSTEM or _ACCOUNT.match(value) else _CHARACTERS


def database_family(user: Judged, value: bytes) -> Deny | None:
    """A family of AstDB.  Those that keep Asterisk's own secrets are class system's.

    The others are class reporting's, as in Asterisk, which lists contacts, registrations and members of
    queues to it anyhow.  What a site's own dialplan keeps there is for the operator's ``rules`` to close; a
    user with a scope is refused the whole database by the actions that read it.
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
    """Free text of a queue's member.  app_queue stores it in a record without escaping, and reads it back."""
    return _STORED if b";" in value or b"|" in value else None


def queue_log_column(_user: Judged, value: bytes) -> Deny | None:
    """One column of the queue log."""
    return _COLUMN if b"|" in value else None


def recording(user: Judged, value: bytes) -> Deny | None:
    """A file to record to.

    Asterisk takes any path, and up to version 20 hands the name to a shell when it mixes the halves.
    """
    return None if not value or user.write & SYSTEM or _is_below(value) else _FILE


def _is_below(value: bytes) -> bool:
    """Whether a file's name stays in the folder that it is meant for."""
    return _BELOW.match(value) is not None and b".." not in value


def recording_format(user: Judged, value: bytes) -> Deny | None:
    """The format of a recording, which goes to that shell as well."""
    return None if user.write & SYSTEM or _FORMAT.match(value) else _FILE


def config_file(_user: Judged, value: bytes) -> Deny | None:
    """A configuration file: no path, for anybody, and not the manager's own accounts.

    Asterisk compares the beginning of the resolved path, so that a folder beside its own passes, and
    older versions compare nothing.
    """
    if value and (not _CONFIG_FILE.match(value) or b".." in value or _ACCOUNTS.match(value)):
        return _CONFIG
    return None
