"""The texts of ``\\h``: all commands, or one action."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from amiproxy.ami import privilege
from amiproxy.ami.actions import LIST_COMPLETE
from amiproxy.tools.shell.completion.vocabulary import Vocabulary, meaning
from amiproxy.tools.shell.language.actions import first_header, nearest
from amiproxy.tools.shell.language.commands import COMMANDS
from amiproxy.tools.shell.language.words import UsageError
from amiproxy.tools.shell.showing.answers import pairs
from amiproxy.tools.shell.showing.printable import shown

_INTRODUCTION = """\
Type an action and its headers; Tab completes both:
  CoreShowChannels
  Originate Channel=PJSIP/alice Context=default Exten=100 Priority=1
  Command core show uptime
Quote values with blanks as in a shell: Data='hello world'. A pasted block of
`Action: …` lines works as well. Ctrl-C stops waiting for an answer."""


def overview(width: int) -> Iterator[RenderableType]:
    """How to type actions, and all commands of the shell."""
    yield Text(_INTRODUCTION)
    yield Text("")
    yield from pairs([(f"\\{one.name} {one.usage}".rstrip(), one.does) for one in COMMANDS.values()], width)


def action(name: str, words: Vocabulary, width: int) -> Iterator[RenderableType]:
    """One action: its classes, whether this user may run it, and its headers.  Raises UsageError."""
    known = words.find(name)
    if known is None:
        near = nearest(name, [one.name for one in words.actions()])
        raise UsageError(
            f"no action {name[:40]!r} is known; {f'did you mean {near}?' if near else 'press Tab for all'}"
        )
    title = Text(known.name, style="bold")
    if known.row.synopsis:
        title.append(f": {shown(known.row.synopsis).strip()}", style="not bold")
    yield title
    classes = privilege.class_names(known.row.classes).replace(",", " or ")
    yield Text(f"needs class {classes} (write)" if known.row.classes else "open to every user")
    if words.table.live:
        yield Text(*(("you may run it", "green") if known.allowed else ("you may not run it", "red")))
    complete = LIST_COMPLETE.get(known.name.lower().encode())
    if complete is not None:
        yield Text(f"answered by a list, up to the event {complete.decode()}")
    arguments = words.headers(known.name)
    if not arguments:
        yield Text("it has no headers, or none that are known here")
        return
    first = first_header(known.name)
    yield Text(f"headers (the value of {first} may stand alone: {known.name} VALUE):")
    yield from pairs([(f"  {one.header.decode()}", meaning(one)) for one in arguments], width)
