"""Shows plans, notes and secrets, in lines that fit the terminal."""

import shutil
import sys
import textwrap
from typing import Final

from amiproxy.tools.setup.plan import Plan
from amiproxy.tools.setup.steps import WriteFile
from amiproxy.tools.setup.wishes import Wishes

_INDENT: Final = 9


def show(plan: Plan, wishes: Wishes, *, complete: bool) -> None:
    """Print what will be done and what is kept; ``complete``: with the text of new files, and the start."""
    if not plan.steps:
        say("Nothing is missing: all files are kept as they are.")
    for step in plan.steps:
        for line in str(step).splitlines():
            say(line, _INDENT)
        if isinstance(step, WriteFile) and (shown := step.shown or (step.detail if complete else "")):
            print(textwrap.indent(shown, " " * _INDENT))
    for path in plan.kept:
        say(f"keep     {path}", _INDENT)
    if complete and plan.start is not None:
        say(str(plan.start), _INDENT)
    for text, remedy in plan.notes:
        note(text, remedy)
    if plan.section:
        print(
            f"\nAdd this to Asterisk's manager.conf, or name the file with --manager-conf:\n\n{plan.section}"
        )
        print("then run: asterisk -rx 'manager reload'\n")
    sys.stdout.flush()


def say(text: str, indent: int = 0) -> None:
    """Print a text, wrapped at the width of the terminal, if it is one."""
    if sys.stdout.isatty():
        width = max(shutil.get_terminal_size().columns - 1, 40)
        text = textwrap.fill(
            text,
            width,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
    print(text, flush=True)


def note(text: str, remedy: str) -> None:
    """Print something that the operator should know, with what to do about it."""
    say(f"note     {text}", _INDENT)
    if remedy:
        say(f"         {remedy}", _INDENT)


def secret(user: str, value: str) -> None:
    """Print the new secret of a user."""
    print(f"\nThe secret of {user}, which is shown only now: {value}", flush=True)
