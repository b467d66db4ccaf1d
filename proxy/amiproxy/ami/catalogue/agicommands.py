"""The AGI commands, each with the kinds of its arguments.

Source: res_agi and app_stack (GOSUB) of Asterisk 16 to 23, where they are the same.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from amiproxy.ami.arguments.kinds import Kind

#: res_agi has room for this many words of a command and a NULL.  It does not check the limit for quoted
#: words, and with more of them overwrites its own stack.
MOST_WORDS: Final = 127

#: ``command: kind, kind``, in the order in which Asterisk reads the words; ``-``: it reads none.
#: ``kind!``: required.  Without a time, GET OPTION asks the dialplan that the channel runs for one, and
#: Asterisk crashes if the channel runs none.
_OPEN: Final = """
answer: -
asyncagi break: -
channel status: channel
control stream file: sounds, digits, milliseconds, digits, digits, digits, milliseconds
exec: application, application-data
get data: sounds, milliseconds, count
get full variable: expression, channel
get option: sounds, digits, milliseconds!
get variable: variable-read
gosub: context, extension, priority, text
hangup: channel
noop: event-text
receive char: milliseconds
receive text: milliseconds
record file: recording, recording-format, digits, milliseconds, text, text, text
say alpha: text, digits
say date: integer, digits
say datetime: integer, digits, date-format, time-zone
say digits: text, digits
say number: integer, digits, word
say phonetic: text, digits
say time: integer, digits
send image: image
send text: text
set autohangup: seconds
set callerid: caller-id
set context: context
set extension: extension
set music: word, music-class
set priority: priority
set variable: variable-set, variable-value
speech activate grammar: object
speech create: object
speech deactivate grammar: object
speech destroy: -
speech recognize: sounds, seconds, integer
speech set: word, text
speech unload grammar: object
stream file: sounds, digits, milliseconds
tdd mode: word
verbose: event-text, integer
wait for digit: milliseconds
"""

#: Commands that access the database, or take any file by its path.
_CLOSED: Final = "database del, database deltree, database get, database put, speech load grammar"


class Command(NamedTuple):
    """One command: the kinds of its arguments, and how many of them are required (``least``).

    ``closed``: it needs class system, whatever its arguments.
    """

    kinds: tuple[Kind, ...] = ()
    least: int = 0
    closed: bool = False


def _commands() -> Iterator[tuple[tuple[bytes, ...], Command]]:
    for line in _OPEN.strip().splitlines():
        verb, _, text = line.partition(": ")
        items = [] if text == "-" else text.split(", ")
        least = max((place for place, item in enumerate(items, 1) if item.endswith("!")), default=0)
        yield tuple(verb.encode().split()), Command(tuple(Kind(item.rstrip("!")) for item in items), least)
    for verb in _CLOSED.split(", "):
        yield tuple(verb.encode().split()), Command(closed=True)


#: By verb, in lower case.
COMMANDS: Final[Mapping[tuple[bytes, ...], Command]] = MappingProxyType(dict(_commands()))

_LONGEST: Final = max(map(len, COMMANDS))


def as_markdown() -> str:
    """The table for the operator's guide: each command with the kinds of its arguments."""
    shown = (
        f"`{b' '.join(verb).decode().upper()}` {_kinds_of(command)}" for verb, command in COMMANDS.items()
    )
    return "; ".join(shown) + ".\n"


def _kinds_of(command: Command) -> str:
    if command.closed:
        return "(class `system`)"
    marks = (kind.value + "!" * (place < command.least) for place, kind in enumerate(command.kinds))
    return " ".join(marks) or "-"


def find(said: list[bytes]) -> tuple[bytes, ...] | None:
    """The verb with which an AGI command (words in lower case) begins; None for an unknown command.

    The verb is a key of COMMANDS: its words, in lower case.
    """
    for length in range(min(len(said), _LONGEST), 0, -1):
        verb = tuple(said[:length])
        if verb in COMMANDS:
            return verb
    return None


def crash(said: list[bytes]) -> str:
    """Why a command of these words may crash Asterisk, whatever the user's rights; "" if it cannot.

    The words may be in any case.
    """
    if len(said) > MOST_WORDS:
        return f"Asterisk may crash on more than {MOST_WORDS} words"
    verb = find([word.lower() for word in said])
    if verb is not None and len(said) - len(verb) < COMMANDS[verb].least:
        return "Asterisk may crash if its last argument is left out"
    return ""
