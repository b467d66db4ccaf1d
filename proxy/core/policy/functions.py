"""Functions: what a variable's name may say.

Wherever Asterisk takes a variable it also takes a dialplan function, and some
of them read secrets, run a shell, fetch a URL or write a file.  So the name in
Getvar, Setvar, Status and in every item of a ``Variable`` list is judged:

- a plain name is free (but for the few that Asterisk runs as a command);
- a short list of functions is open to everyone, apart for reading and writing;
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
    b"""CALLERID CDR CHANNEL CHANNEL_EXISTS CONFBRIDGE_INFO CONNECTEDLINE DEVICE_STATE DIALPLAN_EXISTS
    EXTENSION_STATE GROUP GROUP_COUNT HINT LEN PRESENCE_STATE QUEUE_EXISTS QUEUE_MEMBER QUEUE_MEMBER_COUNT
    QUEUE_MEMBER_LIST QUEUE_MEMBER_PENALTY QUEUE_WAITING_COUNT REDIRECTING TIMEOUT VERSION""".split()
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

#: Need class system even for a user whose ``functions`` names them: code, files, database, globals, locks.
SYSTEM_ONLY: Final = frozenset(
    b"""CONFBRIDGE DB DB_DELETE DB_EXISTS DB_KEYCOUNT DB_KEYS DUNDILOOKUP DUNDIQUERY DUNDIRESULT ENUMLOOKUP
    ENUMQUERY ENUMRESULT EVAL FILE FILE_COUNT_LINE FILE_FORMAT GLOBAL IMPORT LOCK MASTER_CHANNEL
    PERIODIC_HOOK SHARED SHELL SRVQUERY SRVRESULT STAT SYSINFO TRYLOCK TXTCIDNAME UNLOCK""".split()
)

#: Closed even to class system unless ``functions`` names them: secrets, environment, network, databases.
_NAMED_ONLY: Final = re.compile(
    rb"(?:AST_CONFIG|AST_SORCERY|CURL|CURLOPT|ENV|LDAP.*|ODBC.*|REALTIME.*)\Z", re.IGNORECASE
)

#: Asterisk's own check (Getvar, Status): these letters anywhere, case and all, need class system.
_ASTERISK_CHECK: Final = re.compile(rb"SHELL|EVAL")

_CALL: Final = re.compile(rb"([A-Z0-9_]+)\(([^()$]*)\)\Z")
_CALLED: Final = re.compile(rb"([A-Za-z0-9_]*)[ \t]*\(")
_FUNCTION_BYTES: Final = re.compile(rb"[()]|\$[{\[]")

#: res_monitor (Asterisk up to 20) runs these as a shell command when a recording ends.
_RUN_BY_ASTERISK: Final = frozenset({b"MONITOR_EXEC", b"MONITOR_EXEC_ARGS"})

#: Asterisk splits one ``Variable`` header into at most 64 items; what becomes of the rest is its own affair.
MAX_ITEMS: Final = 63


def may_read(user: Judged, name: bytes) -> bool:
    """Whether the user may read this variable or function."""
    if _ASTERISK_CHECK.search(name) and not user.write & SYSTEM:
        return False
    return _may_use(user, name, READABLE, None)


def may_assign(user: Judged, name: bytes) -> bool:
    """Whether the user may set this variable or function."""
    if name.lstrip(b"_").upper() in _RUN_BY_ASTERISK and not user.write & SYSTEM:
        return False
    return _may_use(user, name, WRITABLE, WRITABLE_OF_CHANNEL)


def _may_use(
    user: Judged, name: bytes, default: frozenset[bytes], of_channel: frozenset[bytes] | None
) -> bool:
    if not _FUNCTION_BYTES.search(name):
        return True
    if user.write & SYSTEM:
        return _system_may_use(user, name)
    call = _CALL.match(name)
    if call is None:
        # Nested, half closed, spelled oddly or with something to evaluate: nothing a plain user needs.
        return False
    function, argument = call.groups()
    if function in SYSTEM_ONLY or _NAMED_ONLY.match(function):
        return False
    listed = _listed(user.rules)
    if listed is not None:
        return wildcard.matches(listed, function)
    if function == b"CHANNEL" and of_channel is not None:
        return argument.strip() in of_channel
    return function in default


def _system_may_use(user: Judged, name: bytes) -> bool:
    listed = _listed(user.rules)
    for function in _CALLED.findall(name):
        if _NAMED_ONLY.match(function):
            # Asterisk's configuration holds the secret of the account that all clients share.
            if listed is None or function.decode("ascii") not in listed or b"manager" in name.lower():
                return False
        elif listed is not None and not wildcard.matches(listed, function):
            return False
    return True


def _listed(rules: Rules | None) -> tuple[str, ...] | None:
    return None if rules is None else rules.functions


def calls_closed_one(text: bytes) -> bool:
    """Whether a text has a call of a function that class system alone may use, wherever it stands in it."""
    return any(
        function.upper() in SYSTEM_ONLY or _NAMED_ONLY.match(function) for function in _CALLED.findall(text)
    )


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
