"""Functions: what a variable's name may say.

Wherever Asterisk takes a variable it also takes a dialplan function, and some
of them read secrets, run a shell, fetch a URL or write a file.  So the name in
Getvar, Setvar, Status and in every item of a ``Variable`` list is judged:

- a plain name is free (but for the few that Asterisk runs as a command, or records to);
- a short list of functions is open to everyone, apart for reading and writing;
- the user's own ``functions`` takes the place of the list of those to read, and opens
  a few more to write;
- class system opens the others, but for those that hand out secrets or reach
  the network or a database, which the user's own ``functions`` must name.
"""

import re
from collections.abc import Iterator
from typing import Final

from proxy.ami.privilege import SYSTEM
from proxy.config.rules import Rules
from proxy.core.policy import wildcard
from proxy.core.policy.verdict import Judged

#: Open to all for reading: a call's own data, states, queues.
READABLE: Final = frozenset(
    b"""CALLERID CDR CHANNEL CHANNELS CHANNEL_EXISTS CONFBRIDGE_INFO CONNECTEDLINE DEVICE_STATE
    DIALPLAN_EXISTS EXTENSION_STATE GROUP GROUP_COUNT HANGUPCAUSE HINT IAXPEER LEN PJSIP_AOR PJSIP_CONTACT
    PJSIP_DIAL_CONTACTS PJSIP_ENDPOINT PRESENCE_STATE QUEUE_EXISTS QUEUE_MEMBER QUEUE_MEMBER_COUNT
    QUEUE_MEMBER_LIST QUEUE_MEMBER_PENALTY QUEUE_WAITING_COUNT REDIRECTING SIPPEER TIMEOUT VERSION
    VMCOUNT""".split()
)

#: Open to all for writing: what a call carries.  Not PRESENCE_STATE: its values may be Base64, and so
#: bring line ends into the link, where they begin messages for everybody.
WRITABLE: Final = frozenset(
    b"CALLERID CDR CONNECTEDLINE DEVICE_STATE GROUP PJSIP_HEADER REDIRECTING TIMEOUT".split()
)

#: CHANNEL() also installs hangup handlers and jumps after a bridge: only these items may be written.
WRITABLE_OF_CHANNEL: Final = frozenset(
    b"accountcode amaflags callgroup language musicclass pickupgroup tonezone userfield".split()
)

#: Open for writing to a user whose ``functions`` names them: they change the call's own media, header
#: or record.  A list and no pattern, because functions run code, jump or reach others in too many ways.
WRITABLE_IF_NAMED: Final = frozenset(
    b"""AGC CALLERPRES CDR_PROP DENOISE FAXOPT FRAME_DROP IAXVAR JITTERBUFFER LOG_GROUP MESSAGE_DATA MUTEAUDIO
    PITCH_SHIFT PJSIP_DTMF_MODE PJSIP_HEADER_PARAM PJSIP_INHERITABLE_HEADER PJSIP_MEDIA_OFFER
    PJSIP_MOH_PASSTHROUGH SPEECH_ENGINE STIR_SHAKEN_ATTESTATION TALK_DETECT VOLUME""".split()
)

#: Need class system even for a user whose ``functions`` names them: code, files, database, globals, locks,
#: accounts, other calls.
SYSTEM_ONLY: Final = frozenset(
    b"""AMI_CLIENT BLACKLIST CALENDAR_QUERY CALENDAR_WRITE CONFBRIDGE DB DB_DELETE DB_EXISTS DB_KEYCOUNT
    DB_KEYS DIALGROUP DUNDILOOKUP DUNDIQUERY DUNDIRESULT ENUMLOOKUP ENUMQUERY ENUMRESULT EVAL EVAL_EXTEN
    EVAL_SUB EXPORT FILE FILE_COUNT_LINE FILE_FORMAT GLOBAL GLOBAL_DELETE GLOBAL_EXISTS IMPORT
    JABBER_RECEIVE LOCK MASTER_CHANNEL MINIVMACCOUNT MINIVMCOUNTER PERIODIC_HOOK PP_EACH_EXTENSION
    PP_EACH_USER SHARED SHELL SMDI_MSG_RETRIEVE SRVQUERY SRVRESULT STAT SYSINFO TRYLOCK TXTCIDNAME
    UNLOCK""".split()
)

#: The same for these: they assign to the variables that their arguments name.
_ASSIGN_BY_ARGUMENT: Final = frozenset({b"ARRAY", b"HASH", b"SET"})

#: A ``*`` in ``functions`` does not stand for these: what they make may hold line ends, and those begin
#: messages of their own on the link.  Nor for AGENT and VM_INFO: they tell passwords.
_NAMED_IN_FULL: Final = frozenset(
    b"AES_DECRYPT AGENT BASE64_DECODE ICONV JSON_DECODE REPLACE SPRINTF STRFTIME URIDECODE VM_INFO".split()
)

#: Closed even to class system unless ``functions`` names them: secrets, environment, network, databases.
_NAMED_ONLY: Final = re.compile(
    rb"(?:AST_CONFIG|AST_SORCERY|CURL|CURLOPT|ENV|LDAP.*|ODBC.*|REALTIME.*)\Z", re.IGNORECASE
)

#: Asterisk's own check (Getvar, Status): these letters anywhere, case and all, need class system.
_ASTERISK_CHECK: Final = re.compile(rb"SHELL|EVAL")

_CALL: Final = re.compile(rb"([A-Z0-9_]+)\(([^()$]*)\)\Z")
_CALLED: Final = re.compile(rb"([A-Za-z0-9_]*)[ \t]*\(")
#: These take a regular expression, in which counts of counts take the memory and time of Asterisk's machine.
_REGULAR_EXPRESSION: Final = frozenset({b"CHANNELS", b"REGEX"})
_REPEATS: Final = re.compile(rb"\}[*+?]*\{")
_FUNCTION_BYTES: Final = re.compile(rb"[()]|\$[{\[]")

#: Handed to a shell, run as AGI or recorded to, by res_monitor (Asterisk up to 20), app_queue, MeetMe and
#: the recordings a caller starts by a key.
_RUN_BY_ASTERISK: Final = re.compile(
    rb"[_ \t\"]*(?:MONITOR_(?:EXEC(?:_ARGS)?|FILENAME|OPTIONS)|TOUCH_(?:MIX)?MONITOR\w*"
    rb"|MEETME_(?:AGI_BACKGROUND|RECORDING(?:FILE|FORMAT)))[ \t\"]*\Z",
    re.IGNORECASE,
)

#: Asterisk splits one ``Variable`` header into at most 64 items; what becomes of the rest is its own affair.
MAX_ITEMS: Final = 63


def may_read(user: Judged, name: bytes) -> bool:
    """Whether the user may read this variable or function."""
    if user.write & SYSTEM:
        return _system_may_use(user, name)
    if _ASTERISK_CHECK.search(name):
        return False
    if not _FUNCTION_BYTES.search(name):
        return True
    function, _ = _open_call(name)
    listed = _listed(user.rules)
    return function in READABLE if listed is None else _is_named(listed, function)


def may_assign(user: Judged, name: bytes) -> bool:
    """Whether the user may set this variable or function."""
    if user.write & SYSTEM:
        return _system_may_use(user, name)
    if not _FUNCTION_BYTES.search(name):
        return not _RUN_BY_ASTERISK.match(name)
    function, argument = _open_call(name)
    listed = _listed(user.rules)
    if listed is not None and not _is_named(listed, function):
        return False
    if function == b"CHANNEL":
        return argument.strip() in WRITABLE_OF_CHANNEL
    return function in WRITABLE or (listed is not None and function in WRITABLE_IF_NAMED)


def _open_call(name: bytes) -> tuple[bytes, bytes]:
    """Function and argument of a plain call that a user without class system may be given; else empty."""
    # Nested, half closed, spelled oddly or with something to evaluate: nothing a plain user needs.
    call = _CALL.match(name)
    if call is None:
        return b"", b""
    function, argument = call.groups()
    if function in SYSTEM_ONLY | _ASSIGN_BY_ARGUMENT or _NAMED_ONLY.match(function):
        return b"", b""
    if function in _REGULAR_EXPRESSION and _REPEATS.search(readings(argument)[1]):
        return b"", b""
    return function, argument


def _is_named(listed: tuple[str, ...], function: bytes) -> bool:
    if function in _NAMED_IN_FULL:
        return function.decode("ascii") in listed
    return function != b"" and wildcard.matches(listed, function)


def _system_may_use(user: Judged, name: bytes) -> bool:
    listed = _listed(user.rules)
    # Asterisk's configuration holds the secret of the account that all clients share.
    of_manager = any(b"manager" in reading.lower() for reading in readings(name))
    for function in _called(name):
        if _NAMED_ONLY.match(function):
            if listed is None or function.decode("ascii") not in listed or of_manager:
                return False
        elif listed is not None and not wildcard.matches(listed, function):
            return False
    return True


def _listed(rules: Rules | None) -> tuple[str, ...] | None:
    return None if rules is None else rules.functions


def calls_closed_one(text: bytes) -> bool:
    """Whether a text has a call of a function that class system alone may use, wherever it stands in it."""
    return any(function.upper() in SYSTEM_ONLY or _NAMED_ONLY.match(function) for function in _called(text))


def readings(text: bytes) -> tuple[bytes, bytes]:
    """A text as it is, and as it is once Asterisk has taken out its quotes and backslashes."""
    return text, text.translate(None, b'"\\')


def _called(text: bytes) -> set[bytes]:
    return {function for reading in readings(text) for function in _CALLED.findall(reading)}


def arguments(text: bytes) -> list[bytes]:
    """Split at commas as Asterisk's applications do, quotes and backslashes taken out.

    A comma inside quotes, parentheses or brackets, or behind a backslash, does
    not separate; brackets that are never closed hold everything behind them.
    """
    items: list[bytes] = []
    item = bytearray()
    parentheses = brackets = 0
    quoted = False
    position = 0
    if not text:
        return items
    while position < len(text):
        byte = text[position : position + 1]
        if byte == b"(":
            parentheses += 1
        elif byte == b")":
            parentheses = max(0, parentheses - 1)
        elif byte == b"[":
            brackets += 1
        elif byte == b"]":
            brackets = max(0, brackets - 1)
        elif byte == b'"':
            quoted = not quoted
            position += 1
            continue
        elif byte == b"\\":
            position += 1
            byte = text[position : position + 1]
        elif byte == b"," and not (parentheses or brackets or quoted):
            items.append(bytes(item))
            item.clear()
            position += 1
            continue
        item += byte
        position += 1
    items.append(bytes(item))
    return items


def assignments(values: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(name, value) of every item of these ``Variable`` headers; Asterisk passes over one without ``=``."""
    for value in values:
        for item in arguments(value):
            name, equals, assigned = item.partition(b"=")
            if equals and name:
                yield name, assigned


def too_many(values: list[bytes]) -> bool:
    """Whether one of these ``Variable`` headers holds more items than Asterisk surely splits."""
    return any(len(arguments(value)) > MAX_ITEMS for value in values)
