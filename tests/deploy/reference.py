# ruff: noqa: E501 - lines of a page
"""deploy/rights-reference.md, written from the judge's own tables: ``make reference``."""

from collections.abc import Iterator
from pathlib import Path

from proxy.ami import agicommands, applications, clicommands
from proxy.ami.actions import SHIPPED
from proxy.ami.arguments import ARGUMENTS, Argument
from proxy.ami.arguments.kinds import MEANING, Kind
from proxy.ami.privilege import class_names
from proxy.core.policy import guide
from proxy.core.policy.classes import BLOCKED, classes_of
from proxy.core.policy.kinds.dialling import TELEPHONES
from proxy.core.policy.stricter import STRICTER

PAGE = Path(__file__).parents[2] / "deploy/rights-reference.md"

_HEAD = """\
# Rights, listed

Written from the tables that the proxy judges by (`make reference`); [What a user can do](rights.md) explains them.

## Kinds of arguments

Every header of an action is of one kind, and each kind is checked in the same way wherever it occurs. `${`, `$[` and `^{`
need class `system` in all of them, but for text that is only copied into an event. A user with class `system` passes most
checks; what is said of a user with `contexts` or `channels` holds with `system` too, as a guard against mistakes: `system`
can change Asterisk's configuration, dialplan and database, and what those do no list can hold.
"""
_ACTIONS = """\
## Actions and their headers

Other headers are not sent to Asterisk. *Classes*: any of them will do. `!`: left out or empty it means everything there
is, which needs `system`. `A|B`: two names of one argument. †: the answer may tell of other people's calls, so a user with
a `scope` needs the action spelled out in `actions.allow`.
"""
_STRICTER = """\
## Rules that are stricter than Asterisk

Where a `manager.conf` user of the same classes would be allowed and ours is not; the name is the `rule` in the audit log.
"""
_APPLICATIONS = """\
## Applications

Of `Originate` and of AGI's `EXEC`. An argument or option that is not described is refused without `system`. With
`contexts` or `channels` those lists hold for `system` too. `applications` narrows to what it names, and opens it.
"""
_VARIABLES = """\
## Variables

Those that Asterisk's own code reads. Leading underscores do not count, the case of letters does. All other names are free;
nothing in their values may wait to be evaluated. `variables` narrows all names, and opens none that need `system`.
"""
_FUNCTIONS = """\
## Functions

A user without `system` writes one plain call with harmless arguments: of `CHANNEL()`, `PJSIP_ENDPOINT()` and the like the
items that hold no secret, of `CHANNELS()` no pattern. What a function makes that must be spelled out may hold line ends,
or passwords. A function that is not here is read by those whose `functions` spell it out, and by `system`.
"""
_AGI = f"""\
## AGI commands

Of the action AGI: each command with the kinds of its arguments. `!`: it has to be there. `RECORD FILE` needs `system`, or
`applications` that name `Record`, for it overwrites sounds. At most {agicommands.MOST_WORDS} words, for all classes.

"""
_COMMANDS = """\
## Commands of Asterisk's command line

Behind class `command`. Commands that are not here need `system`, or to be named in the user's `commands`.
"""


def page() -> str:
    """The whole page."""
    technologies = f"Without `technologies` a dial string may name {', '.join(TELEPHONES)}.\n"
    stricter = "\n".join(
        ["| rule | why |", "| --- | --- |", *(f"| `{rule}` | {why} |" for rule, why in STRICTER.items())]
    )
    parts = (
        *(_HEAD, _kinds(), technologies, _STRICTER, f"{stricter}\n"),
        *(
            _ACTIONS,
            _actions(),
            _APPLICATIONS,
            applications.as_markdown(),
            f"{_AGI}{agicommands.as_markdown()}",
            _VARIABLES,
            f"{guide.variables_table()}\n",
        ),
        *(
            _FUNCTIONS,
            f"{guide.functions_table()}\n",
            f"A user with a `scope` is refused {guide.about_others()}.\n",
        ),
        *(_COMMANDS, clicommands.as_markdown()),
    )
    return "\n".join(parts)


def _kinds() -> str:
    rows = [f"| `{kind.value}` | {MEANING[kind]} |" for kind in Kind]
    return "\n".join(["| kind | what it is, and what is checked |", "| --- | --- |", *rows]) + "\n"


def _actions() -> str:
    return "\n".join(["| action | classes | headers |", "| --- | --- | --- |", *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for key, described in sorted(ARGUMENTS.items()):
        listed = SHIPPED.find(key)
        assert listed is not None
        needed = classes_of(listed)
        classes = (
            "nobody"
            if key in BLOCKED
            else class_names(needed).replace(",", ", ")
            if needed
            else "open to all"
        )
        aliases = {proper: alias for alias, proper in described.aliases.items()}
        headers = "; ".join(_header(argument, aliases) for argument in described.arguments) or "none"
        yield f"| {described.name.decode()}{' †' if described.tells_calls else ''} | {classes} | {headers} |"


def _header(argument: Argument, aliases: dict[bytes, bytes]) -> str:
    alias = aliases.get(argument.header.lower())
    names = argument.header.decode() + (f"\\|{alias.decode().title()}" if alias else "")
    return f"`{names}` {argument.kind.value}{'!' if argument.everything else ''}"


if __name__ == "__main__":
    PAGE.write_text(page())
