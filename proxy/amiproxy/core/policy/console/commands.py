"""CLI commands: split into words as Asterisk's CLI does, then judged by the table of known commands.

Class command opens Asterisk's CLI, but only for commands that the table calls
harmless.  A command whose effect belongs to another class needs that class too;
commands that end or starve the link, which all clients share, are refused to all;
and commands that are not in the table need class system, or must be listed in the
user's own ``commands``.
"""

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from amiproxy.ami.catalogue import agicommands
from amiproxy.ami.catalogue.clicommands import ALIASES, COMMANDS, NEEDED, Words, find, find_alias, is_stem
from amiproxy.ami.message import Action
from amiproxy.ami.privilege import REPORTING, SYSTEM
from amiproxy.core.policy.console import reloads
from amiproxy.core.policy.dialplan import functions
from amiproxy.core.policy.kinds import calls, dialling, names, patterns
from amiproxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged, refuse

_ASTERISK_LIST: Final = Deny(b"Command blacklisted", "command")
_REFUSED: Final = refuse("command", "it does more than class command allows")
#: By the mask of the classes that a command needs.
_CLASS_MISSING: Final = MappingProxyType(
    {
        classes: refuse("command", f"besides command it needs class {title}" if classes else "refused to all")
        for classes, title in NEEDED.items()
    }
)
_UNKNOWN: Final = refuse(
    "command-unknown", "unknown command: it needs class system, or must be in commands: in users.yaml"
)
_ROW: Final = refuse("command", "leave out the row number: Asterisk may crash on it")
_MANY: Final = refuse("channel-pattern", "it ends every call that matches, so it needs class system")
_NOT_LISTED: Final = Deny(PERMISSION_DENIED, "commands")

#: Asterisk's own and only list, compared here by words, so that tabs and quotes do not get around it.
_BLACKLISTED: Final = (b"module load", b"module unload", b"restart gracefully")

#: Commands -> what they reload; empty if that is what the words after the command name, or everything.
_RELOADS: Final = MappingProxyType[Words, list[bytes]](
    {
        (b"config", b"reload"): [],
        (b"core", b"reload"): [],
        (b"manager", b"reload"): [b"manager"],
        (b"module", b"reload"): [],
    }
)
_EVALUATES: Final = (b"dialplan", b"eval", b"function")
#: Commands that take a row number, and on which Asterisk crashes if it does not fit into 32 bits.
_BY_ROW: Final = frozenset({(b"core", b"clear", b"profile"), (b"core", b"show", b"profile")})
#: A command whose second argument is an AGI command.
_OF_AGI: Final = (b"agi", b"exec")
#: With an argument it loads its configuration from another file.
_TAKES_FILE: Final = (b"logger", b"reload")
#: A queue dials its members, and stores their data.
_DIALS: Final = (b"queue", b"add")
_STORES: Final = frozenset({_DIALS, (b"queue", b"pause"), (b"queue", b"set"), (b"queue", b"unpause")})

#: Commands whose ``like`` or ``describing`` searches for plain text.
_PLAIN_LIKE: Final = frozenset(
    {
        (b"core", b"show", b"applications"),
        (b"core", b"show", b"functions"),
        (b"core", b"show", b"taskprocessors"),
        (b"module", b"show"),
    }
)
#: Commands that take a regular expression without ``like``.
_TAKES_PATTERN: Final = frozenset({(b"dnsmgr", b"refresh"), (b"group", b"show", b"channels")})
_HISTORY: Final = (b"pjsip", b"show", b"history")
_HANGS_UP: Final = (b"channel", b"request", b"hangup")
#: Arguments that end several calls, besides a regular expression, which begins with a slash.
_MANY_CHANNELS: Final = re.compile(rb"all\Z|.*[*?\[]", re.DOTALL)

_READS_DATABASE: Final = frozenset({(b"database", b"get"), (b"database", b"show")})

#: Asterisk accepts "pause|unpause" as a word for a place in its command where either may stand.
_ALTERNATIVES: Final = re.compile(rb"[][|{}]")


def words(command: bytes) -> list[bytes]:
    """The words of a command as Asterisk's ``parse_args`` reads them, in the client's spelling.

    Blanks and tabs separate words; quotes keep blanks in a word and are removed; a backslash makes the next
    byte an ordinary one.
    """
    found: list[bytes] = []
    word = bytearray()
    quoted = escaped = False
    blank = True
    for code in command:
        byte = bytes((code,))
        if byte == b'"' and not escaped:
            quoted = not quoted
            if quoted and blank:
                word.clear()
                blank = False
        elif byte in b" \t" and not (quoted or escaped):
            if not blank:
                found.append(bytes(word))
                word.clear()
                blank = True
        elif byte == b"\\" and not escaped:
            escaped = True
        else:
            word += byte
            blank = escaped = False
    if not blank:
        found.append(bytes(word))
    return found


def only_shows(action: Action) -> bool:
    """Whether the command of a Command action only reads, by its words: ``show`` is one of the first two."""
    return b"show" in [word.lower() for word in words(action.get(b"command"))[:2]]


def acts(action: Action) -> bool:
    """Whether the command has effects to which no list of contexts or channels can be applied.

    These are all commands for which ``command`` alone is not enough, except those of class reporting,
    which only read.
    """
    known = (find([word.lower() for word in typed]) for typed in readings(action.get(b"command")))
    return any(verb is not None and not COMMANDS[verb] & REPORTING for verb in known)


def command(user: Judged, action: Action) -> Deny | None:
    """Check the command of a Command action; an empty one is allowed, and Asterisk answers it."""
    text = action.get(b"command")
    typed = words(text)
    if not typed:
        return None
    said = [word.lower() for word in typed]
    if starts(said, _BLACKLISTED):
        return _ASTERISK_LIST
    if text.lstrip(b' \t"\\').startswith(b"!"):
        return _REFUSED
    refused = next(filter(None, (_judge(user, reading) for reading in readings(text))), None)
    listed = _listed(user)
    if refused in (None, _UNKNOWN) and listed is not None and not starts(said, listed):
        return _NOT_LISTED
    return refused


def readings(command: bytes) -> Iterator[list[bytes]]:
    """The words of a command, and the words that replace them if cli_aliases.conf is as shipped.

    Words that are only an alias, not a command, are read as the command that they expand to.
    """
    typed = words(command)
    while True:
        said = [word.lower() for word in typed]
        alias = find_alias(said)
        if alias is None or find(said) is not None:
            yield typed
        if alias is None:
            return
        # Asterisk joins the words to a text and parses it again.
        typed = words(b" ".join([ALIASES[alias], *typed[len(alias) :]]))


def _judge(user: Judged, typed: list[bytes]) -> Deny | None:
    said = [word.lower() for word in typed]
    if any(_ALTERNATIVES.search(word) for word in said[:3]):
        return _REFUSED
    known = find(said)
    if known is None:
        return _unknown(user, said)
    rest = typed[len(known) :]
    if known in _RELOADS and (refused := reloads.reload(user, _RELOADS[known] or rest)) is not None:
        return refused
    if not user.write & COMMANDS[known]:
        return _CLASS_MISSING[COMMANDS[known]]
    return _arguments(user, known, rest) or _judge_patterns(user, known, said[len(known) :])


def _unknown(user: Judged, said: list[bytes]) -> Deny | None:
    """Check a command that is not in the table: class system, or a user whose own ``commands`` list it."""
    listed = _listed(user) or ()
    named = any(
        starts(said, (prefix,)) and find(prefix.split(b" ")) is None and not is_stem(prefix.split(b" "))
        for prefix in listed
    )
    if not named:
        bounded = user.rules is not None and (user.rules.contexts, user.rules.channels) != (None, None)
        if bounded or not user.write & SYSTEM:
            return _UNKNOWN
    # In Asterisk's own modules a regular expression follows this word.
    return _behind_like(user, said)


def _arguments(user: Judged, known: Words, rest: list[bytes]) -> Deny | None:
    if known in _STORES and (refused := _stored(user, known, rest)) is not None:
        return refused
    if known in _BY_ROW and rest:
        return _ROW
    if known == _OF_AGI and (why := agicommands.crash(words(b"".join(rest[1:2])))):
        return refuse("command", why)
    if user.write & SYSTEM:
        # Functions that reveal secrets stay closed to class system as well.
        return None if known != _EVALUATES or _may_evaluate(user, rest) else _REFUSED
    if known == _TAKES_FILE and rest:
        return _REFUSED
    if known in _READS_DATABASE:
        return names.each_family(user, b"".join(rest[:1]))
    return _REFUSED if known == _EVALUATES and not _may_evaluate(user, rest) else None


def _stored(user: Judged, known: Words, rest: list[bytes]) -> Deny | None:
    """Check names of members, and what is dialled for them, as in the corresponding actions."""
    # queue add member INTERFACE to QUEUE [penalty N [as NAME [state_interface INTERFACE]]]
    dialled = [*rest[1:2], *rest[9:10]] if known == _DIALS else []
    found = [
        *(names.stored_in_queue(user, word) for word in rest),
        *(dialling.interface(user, word) for word in dialled),
    ]
    return next(filter(None, found), None)


def _judge_patterns(user: Judged, known: Words, rest: list[bytes]) -> Deny | None:
    if known == _HANGS_UP:
        return next(filter(None, (_hung_up(user, word) for word in rest)), None)
    if known in _TAKES_PATTERN:
        return _pattern(user, rest)
    if known == _HISTORY:
        # ``where`` takes an expression, which Asterisk joins from the words and parses again.
        return _pattern(user, rest if any(b"like" in word for word in rest) else [])
    return None if known in _PLAIN_LIKE else _behind_like(user, rest)


def _hung_up(user: Judged, word: bytes) -> Deny | None:
    if word.startswith(b"/"):
        return calls.pattern(user, word)
    return _MANY if _MANY_CHANNELS.match(word) and not user.write & SYSTEM else None


def _behind_like(user: Judged, said: list[bytes]) -> Deny | None:
    return _pattern(user, said[said.index(b"like") + 1 :]) if b"like" in said else None


def _pattern(user: Judged, said: list[bytes]) -> Deny | None:
    """Check words that Asterisk compiles as a regular expression, in its process, while the link waits."""
    return patterns.bounded(user, b" ".join(said)) if said else None


def _listed(user: Judged) -> tuple[bytes, ...] | None:
    listed = None if user.rules is None else user.rules.commands
    return None if listed is None else tuple(prefix.lower().encode() for prefix in listed)


def _may_evaluate(user: Judged, said: list[bytes]) -> bool:
    # One word only: we do not know how Asterisk would read more.  The command has no channel.
    return len(said) <= 1 and all(
        functions.may_read(user, name) and not functions.needs_channel(name) for name in said
    )


def starts(said: list[bytes], prefixes: tuple[bytes, ...]) -> bool:
    """Whether words in lower case begin with one of the prefixes, compared by whole words.

    So "core show" is not a prefix of "core showdown".
    """
    for prefix in prefixes:
        expected = prefix.split(b" ")
        if said[: len(expected)] == expected:
            return True
    return False
