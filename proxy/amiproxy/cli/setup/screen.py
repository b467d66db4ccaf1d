"""Shows plans, notes and secrets."""

import textwrap
from typing import Final

from rich.text import Text

from amiproxy.tools import terminal
from amiproxy.tools.setup.plan import Plan
from amiproxy.tools.setup.steps import WriteFile

_INDENT: Final = 9
_STYLES: Final = {"warn": "yellow", "fail": "bold red", "note": "yellow", "ok": "green"}


def show(plan: Plan, *, complete: bool) -> None:
    """Print what will be done and what is kept; ``complete``: with the text of new files, and the start."""
    if not plan.steps:
        terminal.show("Nothing is missing: all files are kept as they are.")
    for step in plan.steps:
        for text in str(step).splitlines():
            line(text)
        if isinstance(step, WriteFile) and (shown := step.shown or (step.detail if complete else "")):
            print(textwrap.indent(shown, " " * _INDENT))
    for path in plan.kept:
        line(f"keep     {path}")
    if complete and plan.start is not None:
        line(str(plan.start))
    for text, remedy in plan.notes:
        note(text, remedy)
    if plan.section:
        text = "Add this to Asterisk's manager.conf, or name the file with --manager-conf:"
        if plan.section_exists:
            text = (
                f"Asterisk has an account [{plan.username}] already, whose secret is not known here. "
                "Change it to this, or name manager.conf with --manager-conf, to have its secret used:"
            )
        terminal.show(
            "",
            terminal.Paragraph(text),
            "",
            plan.section.rstrip(),
            "",
            "then run: asterisk -rx 'manager reload'",
            "",
        )


def line(text: str, mark: str = "") -> None:
    """Print a line that is wrapped at the terminal's width, after the mark.

    Without a mark the text has its own, in the first columns.
    """
    plain = "\n".join(map(terminal.printable, text.split("\n")))
    if not mark:
        mark, plain = plain[:_INDENT], plain[_INDENT:]
    terminal.show(terminal.Paragraph(plain, _INDENT, Text(f"{mark:<9}", style=_STYLES.get(mark.strip(), ""))))


def note(text: str, remedy: str, mark: str = "note") -> None:
    """Print something that the operator should know, with what to do about it."""
    line(text, mark)
    if remedy:
        line(remedy, " ")


def secret(user: str, value: str) -> None:
    """Print the new secret of a user."""
    print(f"\nThe secret of {user}, which is shown only now: {value}", flush=True)
