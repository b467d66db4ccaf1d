# ruff: noqa: E501 - lines of a page
"""deploy/rights-reference.md, generated from the tables of the policy: ``make reference``."""

import re
from collections.abc import Iterator
from pathlib import Path

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.arguments import ARGUMENTS, Argument
from amiproxy.ami.arguments.kinds import MEANING, Kind
from amiproxy.ami.catalogue import agicommands, applications, clicommands
from amiproxy.ami.privilege import class_names
from amiproxy.core.policy.classes import BLOCKED, classes_of
from amiproxy.core.policy.kinds.dialling import TELEPHONES
from amiproxy.core.policy.reference import guide
from amiproxy.core.policy.reference.stricter import STRICTER

PAGE = Path(__file__).parents[2] / "deploy/rights-reference.md"

_HEAD = """\
# Rights, listed

Generated from the tables by which the proxy decides (`make reference`); [What a user can do](rights.md) explains them.

## Kinds of arguments

Every header of an action has one kind, and each kind is checked in the same way wherever it occurs. `${`, `$[` and `^{`
need class `system` in all of them, except in text that is only copied into an event. A user with class `system` passes
most checks. Restrictions for users with `contexts` or `channels` also apply to `system`, but only as a guard against
mistakes: `system` can change Asterisk's configuration, dialplan and database, and no list can restrict what those do.
"""
_ACTIONS = """\
## Actions and their headers

Other headers are not sent to Asterisk. *Classes*: any one of them is enough. `!`: left out or empty, it means everything
of its kind, which needs `system`. `A|B`: two names of one argument. †: the answer may reveal other users' calls, so a
user with a `scope` needs the action's full name in `actions.allow`.
"""
_STRICTER = """\
## Rules that are stricter than Asterisk

Where the proxy refuses what a `manager.conf` user with the same classes may do; the name is the `rule` in the audit log.
"""
_APPLICATIONS = """\
## Applications

For `Originate` and AGI's `EXEC`. An argument or option that is not described is refused without `system`. `contexts` and
`channels` apply to `system` too. `applications` restricts the user to the listed ones, and opens those.
"""
_VARIABLES = """\
## Variables

Those that Asterisk's own code reads. Leading underscores are ignored; names are case-sensitive. All other names are free,
but nothing in their values may be evaluated. `variables` restricts all names, and opens none that need `system`.
"""
_FUNCTIONS = """\
## Functions

A user without `system` may write one plain call with harmless arguments: for `CHANNEL()`, `PJSIP_ENDPOINT()` and the like
items without secrets, for `CHANNELS()` no pattern. The value of a function that must be listed by its full name may contain
line ends or passwords. Other functions may be read by users whose `functions` list the full name, and by `system`.
"""
_AGI = f"""\
## AGI commands

For the action AGI: each command with the kinds of its arguments. `!`: required. `RECORD FILE` needs `system`, or
`applications` that list `Record`, because it overwrites sounds. At most {agicommands.MOST_WORDS} words, for all classes.

"""
_COMMANDS = """\
## Commands of Asterisk's CLI

All of them need class `command`. Other commands need `system`, or must be listed in the user's `commands`.
"""


def page() -> str:
    """The whole page."""
    technologies = f"Without `technologies` a dial string may name {', '.join(TELEPHONES)}.\n"
    stricter = "\n".join(
        [
            "| rule | why |",
            "| --- | --- |",
            *(f"| `{rule}` | {_cell(why)} |" for rule, why in STRICTER.items()),
        ]
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
    rows = [f"| `{kind.value}` | {_cell(MEANING[kind])} |" for kind in Kind]
    return "\n".join(["| kind | what it is, and what is checked |", "| --- | --- |", *rows]) + "\n"


def _cell(text: str) -> str:
    """The text for a cell of a table, where a bare ``|`` would begin the next cell."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def _actions() -> str:
    return "\n".join(["| action | classes | headers |", "| --- | --- | --- |", *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for key, described in sorted(ARGUMENTS.items()):
        listed = SHIPPED.find(key)
        assert listed is not None
        needed = classes_of(listed)
        classes = (
            "refused to all"
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
