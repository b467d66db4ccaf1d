"""Commands, verbs and options, read from the argparse parsers."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_WIDTH: Final = 78


@dataclass(frozen=True, slots=True)
class Option:
    """One option or positional argument as the help text shows it."""

    #: Each way to write it, such as ``-h`` and ``--users FILE``; of a positional argument only its name.
    forms: tuple[str, ...]
    text: str
    action: argparse.Action


@dataclass(frozen=True, slots=True)
class Group:
    """Options under one heading of the help text."""

    title: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a verb of one.

    ``summary`` is its line in the list of commands; ``usage`` the lines after ``usage:``; ``description`` and
    ``epilog`` are texts whose indented lines are to be printed as they are.
    """

    name: tuple[str, ...]
    summary: str
    usage: tuple[str, ...]
    description: str
    epilog: str
    groups: tuple[Group, ...]
    parser: argparse.ArgumentParser = field(repr=False)
    verbs: tuple["Command", ...] = ()

    def walk(self) -> Iterator["Command"]:
        """Itself, its verbs, and theirs."""
        yield self
        for verb in self.verbs:
            yield from verb.walk()


def command_of(
    parser: argparse.ArgumentParser, name: tuple[str, ...] = ("ami-proxy",), summary: str = ""
) -> Command:
    """The command that a parser describes, with all commands below it."""
    groups = []
    verbs: list[Command] = []
    # argparse has no public way to list what a parser accepts.
    for group in parser._action_groups:
        options = []
        for action in group._group_actions:
            if isinstance(action, argparse._SubParsersAction):
                summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
                # An alias is a second name of the same parser, and has no line of its own in the help text.
                verbs += [
                    command_of(action.choices[verb], (*name, verb), text) for verb, text in summaries.items()
                ]
            elif action.help != argparse.SUPPRESS:
                options.append(_option(parser, action))
        if options:
            groups.append(Group(group.title or "", tuple(options)))
    return Command(
        *(
            name,
            summary,
            _usage(parser),
            _expanded(parser, parser.description),
            _expanded(parser, parser.epilog),
        ),
        *(tuple(groups), parser, tuple(verbs)),
    )


def _expanded(parser: argparse.ArgumentParser, text: str | None) -> str:
    return (text or "") % {"prog": parser.prog} if "%(prog)" in (text or "") else (text or "")


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    formatter = argparse.HelpFormatter(parser.prog)
    text = formatter._expand_help(action) if action.help else ""
    if not action.option_strings:
        return Option((formatter._metavar_formatter(action, action.dest)(1)[0],), text, action)
    value = ""
    if action.nargs != 0:
        value = " " + formatter._format_args(action, action.dest.upper().replace("_", "-"))
    return Option(tuple(form + value for form in action.option_strings), text, action)


def _usage(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    formatter = argparse.HelpFormatter(parser.prog, width=_WIDTH)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups)
    lines = formatter.format_help().rstrip().splitlines()
    label = len("usage: ")
    return tuple(line[label:] for line in lines if line.strip())


@dataclass(frozen=True, slots=True)
class Epilog:
    """The text after the options, by what it is: lines of examples, the exit status, and the rest."""

    examples: tuple[str, ...]
    exit_status: str
    notes: str


def epilog_of(text: str) -> Epilog:
    """Sort the parts of an epilog, whose examples begin with ``example:`` or ``examples:``."""
    examples: list[str] = []
    notes: list[str] = []
    inside = False
    for line in text.splitlines():
        if found := re.fullmatch(r"(?i)examples?:\s*", line):
            inside = True
        elif inside and (line.startswith("  ") or not line.strip()):
            examples.append(line)
        elif found := re.fullmatch(r"(?i)(.*?)\bexample:\s+(.+)", line):
            inside = False
            notes.append(found[1].rstrip())
            examples += ["", f"  {found[2]}"]
        else:
            inside = False
            notes.append(line)
    rest, status = [], []
    for paragraph in re.split(r"\n\s*\n", "\n".join(notes)):
        sentences = [paragraph]
        if not re.search(r"^\s", paragraph, re.MULTILINE):  # a table is kept as it is
            sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z])", paragraph)
        said = [one for one in sentences if re.match(r"\s*(The )?exit status", one, re.IGNORECASE)]
        status += [" ".join(one.split()) for one in said]
        kept = "  ".join(one for one in sentences if one not in said)
        if kept.strip():
            rest.append(kept.strip("\n"))
    shown = "\n".join(examples).strip("\n").splitlines()
    return Epilog(tuple(line.removeprefix("  ") for line in shown), " ".join(status), "\n\n".join(rest))
