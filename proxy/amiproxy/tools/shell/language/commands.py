"""The shell's own commands, which begin with a backslash."""

from typing import Final, NamedTuple

from amiproxy.tools.shell.language.actions import nearest
from amiproxy.tools.shell.language.words import UsageError, complete_words


class ShellCommand(NamedTuple):
    """One command: what follows its name, and what it does."""

    name: str
    usage: str
    does: str


COMMANDS: Final = {
    command.name: command
    for command in (
        ShellCommand("h", "[ACTION]", "help: all commands, or one action's headers and classes"),
        ShellCommand("events", "[on|off]", "show events as they happen"),
        ShellCommand(
            "filter", "[PATTERN…|clear]", "show only events such as Queue* or Channel=PJSIP/*; -VarSet hides"
        ),
        ShellCommand("watch", "SECONDS ACTION…", "run an action again and again, until Ctrl-C"),
        ShellCommand(
            "server", "[NAME|all]", "send actions that name no server to this one; nothing: list the servers"
        ),
        ShellCommand("raw", "", "read blocks of `Name: value` lines; an empty line sends one"),
        ShellCommand("x", "[on|off|auto]", "show lists as records, one header a line"),
        ShellCommand("columns", "[NAME…]", "show only these columns of lists; none: choose them again"),
        ShellCommand("json", "[on|off]", "show answers and events as JSON, one object a line"),
        ShellCommand("timing", "[on|off]", "show how long each answer took"),
        ShellCommand("o", "[FILE]", "write answers to a file; without FILE to the terminal again"),
        ShellCommand("i", "FILE", "run the lines of a file, up to the first that fails"),
        ShellCommand("c", "[PROFILE]", "connect again, or to the server of another profile"),
        ShellCommand("q", "", "quit (Ctrl-D does as well)"),
    )
}
_SAME: Final = {"?": "h", "help": "h", "quit": "q", "exit": "q", "connect": "c", "e": "events", "f": "filter"}


class Typed(NamedTuple):
    """A command as typed: its name as in COMMANDS, its words, and its text as it is."""

    name: str
    words: tuple[str, ...]
    rest: str


def read_command(line: str) -> Typed:
    """The command in a line that begins with a backslash.  Raises UsageError."""
    typed, _, rest = line.strip()[1:].partition(" ")
    name = _SAME.get(typed, typed)
    if name not in COMMANDS:
        near = nearest(typed, list(COMMANDS))
        remedy = f"did you mean \\{near}?" if near else "type \\h for all"
        raise UsageError(f"\\{typed} is not a command; {remedy}")
    rest = rest.strip()
    words = (rest,) if name == "watch" else tuple(word.text for word in complete_words(rest))
    return Typed(name, words, rest)


def switched(typed: Typed, now: bool) -> bool:
    """The new state of an ``[on|off]`` command; without a word it changes.  Raises UsageError."""
    if not typed.words:
        return not now
    if len(typed.words) == 1 and typed.words[0] in ("on", "off"):
        return typed.words[0] == "on"
    raise wrong_usage(typed.name)


def wrong_usage(name: str) -> UsageError:
    """The error for arguments that the command does not take."""
    return UsageError(f"write \\{name} {COMMANDS[name].usage}".rstrip())


#: Shortest and longest interval of \watch, in seconds.
SHORTEST_WATCH: Final = 0.2
LONGEST_WATCH: Final = 86400.0


def read_watch(typed: Typed) -> tuple[float, str]:
    """The seconds and the action's line of ``\\watch``.  Raises UsageError."""
    first, _, line = typed.rest.partition(" ")
    try:
        seconds = float(first)
    except ValueError:
        raise wrong_usage("watch") from None
    if not line.strip():
        raise wrong_usage("watch")
    if not SHORTEST_WATCH <= seconds <= LONGEST_WATCH:
        raise UsageError(f"give \\watch between {SHORTEST_WATCH:g} and {LONGEST_WATCH:g} seconds")
    return seconds, line.strip()
