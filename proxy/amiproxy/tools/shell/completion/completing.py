"""Completes a line: actions, headers, values, commands of Asterisk's CLI, and the shell's own commands.

Pure: a function from the text before the cursor to candidates.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar

from amiproxy.ami import privilege
from amiproxy.ami.arguments import Argument, Kind
from amiproxy.tools.shell.completion.vocabulary import Known, Vocabulary, meaning
from amiproxy.tools.shell.language.actions import COMMAND, first_header, header_of
from amiproxy.tools.shell.language.commands import COMMANDS
from amiproxy.tools.shell.language.words import Word, quoted, split

T = TypeVar("T")


class Candidate(NamedTuple):
    """One completion: ``text`` takes the place of the last ``replaces`` characters before the cursor.

    ``label`` is what the menu shows, with ``about`` beside it; ``dim`` if the server would refuse it.
    """

    text: str
    replaces: int
    label: str
    about: str = ""
    dim: bool = False


#: Candidates of one menu: more than anybody scrolls through.
MOST: Final = 200
_SWITCHES: Final = {
    "events": ("on", "off"), "json": ("on", "off"), "timing": ("on", "off"), "x": ("on", "off", "auto"),
}  # fmt: skip
#: Headers that occur in many events, for filters.
_COMMON_HEADERS: Final = (
    "Channel=",
    "CallerIDNum=",
    "Context=",
    "Exten=",
    "Queue=",
    "ChannelStateDesc=",
    "Uniqueid=",
)
#: Commands of the CLI whose next word is the name of something.
_CLI_NAMES: Final = {
    ("core", "show", "channel"): Kind.CHANNEL,
    ("channel", "request", "hangup"): Kind.CHANNEL,
    ("queue", "show"): Kind.QUEUE,
    ("dialplan", "show"): Kind.CONTEXT,
    ("pjsip", "show", "endpoint"): Kind.OBJECT,
    ("pjsip", "show", "aor"): Kind.OBJECT,
    ("confbridge", "list"): Kind.CONFERENCE,
}


def complete(text: str, words: Vocabulary) -> list[Candidate]:
    """What can follow ``text``, the part of the line before the cursor; the likeliest first."""
    line = text.lstrip()
    if line.startswith("\\"):
        return _shell_command(line, words)[:MOST]
    return _action(line, words)[:MOST]


def _action(line: str, words: Vocabulary) -> list[Candidate]:
    typed = split(line)
    if not typed or (len(typed) == 1 and typed[0].end == len(line)):
        part = line[typed[0].begin :] if typed else ""
        return [_known(one, len(part)) for one in _matching(part, words.actions(), lambda one: one.name)]
    name = typed[0].text
    if name.lower() == COMMAND and not any(header_of(word, line) for word in typed[1:2]):
        return _cli(line[typed[0].end :].lstrip(), words)
    last = typed[-1] if typed[-1].end == len(line) else None
    given = [word for word in typed[1:] if word is not last]
    if last is not None and (header := header_of(last, line)):
        return _values(name, header, last, line, words)
    used = {header_of(word, line).lower() for word in given}
    if given and not header_of(given[0], line):
        used.add((first_header(name) or "").lower())
    part = line[last.begin :] if last is not None else ""
    arguments = [
        one
        for one in words.headers(name)
        if one.header.lower() == b"variable" or one.header.decode().lower() not in used
    ]
    found = [
        Candidate(f"{one.header.decode()}=", len(part), f"{one.header.decode()}=", meaning(one))
        for one in _matching(part, arguments, lambda one: one.header.decode())
    ]
    if not given and (first := next(iter(words.headers(name)), None)) is not None:
        values = _matching(part, words.values(name, first), str)
        found += [Candidate(quoted(one), len(part), one, first.header.decode()) for one in values]
    return found


def _known(known: Known, replaces: int) -> Candidate:
    about = known.row.synopsis.decode(errors="replace").strip().rstrip(".")
    if not known.allowed:
        classes = privilege.class_names(known.row.classes)
        about = f"not available to this user{f'; needs {classes}' if known.row.classes else ''}"
    return Candidate(known.name, replaces, known.name, about, dim=not known.allowed)


def _values(action: str, header: str, word: Word, line: str, words: Vocabulary) -> list[Candidate]:
    argument = next(
        (one for one in words.headers(action) if one.header.decode().lower() == header.lower()), None
    )
    if argument is None:
        return []
    typed = word.text[len(header) + 1 :]
    replaces = len(line) - word.begin
    return [
        Candidate(f"{header}={quoted(value)}", replaces, value, _about(argument))
        for value in _matching(typed, words.values(action, argument), str)
        if value != typed
    ]


def _about(argument: Argument) -> str:
    return argument.kind.value.replace("-", " ")


def _cli(rest: str, words: Vocabulary) -> list[Candidate]:
    typed = rest.split()
    part = "" if not rest or rest[-1].isspace() else typed.pop()
    known = words.cli_words(typed)
    kind = _CLI_NAMES.get(tuple(word.lower() for word in typed))
    if kind is not None:
        known = [*known, *words.seen.values(kind)]
    return [Candidate(word, len(part), word) for word in _matching(part, known, str) if word != part]


def _shell_command(line: str, words: Vocabulary) -> list[Candidate]:
    name, blank, rest = line[1:].partition(" ")
    if not blank:
        return [
            Candidate(
                f"\\{one.name}{' ' if one.usage else ''}", len(line), f"\\{one.name} {one.usage}", one.does
            )
            for one in COMMANDS.values()
            if one.name.startswith(name)
        ]
    if name == "watch":
        _, blank, action = rest.partition(" ")
        return (
            complete(action, words)
            if blank
            else [Candidate(one, len(rest), one, "seconds") for one in ("2", "5")]
        )
    part = rest.rpartition(" ")[2]
    return [Candidate(one, len(part), one) for one in _matching(part, _arguments(name, rest, words), str)]


def _arguments(name: str, rest: str, words: Vocabulary) -> Iterable[str]:
    match name:
        case "h" | "help":
            return [one.name for one in words.actions()]
        case "filter":
            hides = rest.rpartition(" ")[2].startswith("-")
            return (
                [f"-{one}" for one in words.events()]
                if hides
                else ["clear", *words.events(), *_COMMON_HEADERS]
            )
        case "columns":
            return words.columns
        case "server":
            return [*words.seen.servers, "all"]
        case "c":
            return words.profiles
        case _:
            return _SWITCHES.get(name, ())


def _matching(part: str, known: Iterable[T], name: Callable[[T], str]) -> list[T]:
    """Those whose name begins with ``part`` in any case, then those that contain it elsewhere."""
    key = part.lower()
    begin: list[T] = []
    inside: list[T] = []
    for one in known:
        place = name(one).lower().find(key)
        if place == 0:
            begin.append(one)
        elif place > 0 and len(key) > 1:
            inside.append(one)
    return begin + inside
