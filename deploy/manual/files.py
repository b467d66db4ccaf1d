"""The pages of section 5, from the annotated proxy.yaml and users.yaml that explain every key."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from deploy.manual import roff
from deploy.manual.commands import head

#: A key, perhaps optional (behind a hash) or the first of an item.
_KEY: Final = re.compile(r"( *)(#?)((?:- )?)([A-Za-z_]\w*):(?: +(.*))?")
_COMMENT: Final = re.compile(r" *#(?: (.*))?")
#: What the file says of its own form, and the page says in another way.
_ABOUT_THE_FORM: Final = re.compile(r"This file lists every key\.\s+A key after \"#\"[^.]*\.\s*")
_ABOUT_THE_PAGE: Final = """\
All keys are listed below.  A key marked (optional) may be left out; it is shown with its default, or with an
example if it has no default.
"""


@dataclass(slots=True)
class Entry:
    """Keys that one comment explains, the comment, and what is below the last of them."""

    depth: int
    #: The key, its value as the file shows it, and whether it may be left out.
    keys: list[tuple[str, str, bool]] = field(default_factory=list)
    #: Lines; those that begin with blanks are examples.
    text: list[str] = field(default_factory=list)
    #: Further lines of the last key's value.
    values: list[str] = field(default_factory=list)


def entries(annotated: str) -> Iterator[Entry]:
    """The file as a list; the depth is the key's indentation, and an entry without keys is text."""
    entry = Entry(0)
    pending: list[str] = []
    for line in annotated.splitlines():
        if comment := _COMMENT.fullmatch(line):
            pending.append(comment[1] or "")
        elif not line.strip():
            if entry.keys:
                yield entry
                entry = Entry(0)
            if pending:
                yield Entry(0, text=pending)
                pending = []
        elif key := _KEY.fullmatch(line):
            depth = len(key[1]) + len(key[3])
            if pending or entry.values or (entry.keys and depth != entry.depth):
                if entry.keys:
                    yield entry
                entry = Entry(depth, text=pending)
                pending = []
            entry.depth = depth
            entry.keys.append((key[4], _shortened(key[5] or ""), bool(key[2])))
        else:
            entry.values.append(re.sub(r"^( *)#", r"\1", line).strip())
    if entry.keys:
        yield entry
    if pending:
        yield Entry(0, text=pending)


def _shortened(value: str) -> str:
    """The value of an example, without the rest of a word that is longer than a line, such as a hash."""
    return re.sub(r"(\S{20})\S{50,}", r"\1...", value)


def page(
    names: tuple[str, ...], annotated: str, example: str, others: list[str], version: str, date: str
) -> str:
    """The page of a file: ``names`` are its own and those of the page, ``example`` is a whole file."""
    listed = list(entries(annotated))
    introduction = []
    while listed and not listed[0].keys:
        introduction += [*listed.pop(0).text, ""]
    title, _, summary = introduction[0].partition(": ")
    what, *more = re.split(r"(?<=[.:])\s+", summary, maxsplit=1)
    lines = [*head(names[0], 5, version, date), roff.section("name")]
    lines.append(
        f"{', '.join(roff.plain(name) for name in names)} \\- {roff.plain(what.rstrip('.'))} (ami\\-proxy)"
    )
    lines.append(roff.section("synopsis"))
    lines.append(f"\\fI/etc/ami\\-proxy/{roff.plain(title)}\\fR")
    lines.append(roff.section("description"))
    text = "\n".join([*more, *introduction[1:]])
    lines += roff.paragraphs(_ABOUT_THE_FORM.sub(_ABOUT_THE_PAGE, text), first=True)
    lines.append(roff.section("keys"))
    level: list[int] = []
    for entry in listed:
        if not entry.keys:
            lines += roff.paragraphs("\n".join(entry.text))
            continue
        while level and level[-1] > entry.depth:
            level.pop()
            lines.append(".RE")
        if entry.depth > (level[-1] if level else 0):
            level.append(entry.depth)
            lines.append(".RS 4")
        lines += _entry(entry, first=entry is listed[0])
    lines += [".RE"] * len(level)
    lines.append(roff.section("examples"))
    shown = [line for line in example.splitlines() if not re.match(r"#( |$)", line)]
    lines += roff.literal("\n".join(shown).strip("\n").splitlines())
    lines.append(roff.section("see also"))
    lines.append(",\n".join(others))
    return "\n".join(lines) + "\n"


def _entry(entry: Entry, *, first: bool) -> Iterator[str]:
    if not first:
        yield ".PP"
    for number, (key, value, optional) in enumerate(entry.keys):
        if number:
            yield ".br"
        yield " ".join(
            filter(None, (roff.bold(f"{key}:"), roff.plain(value), "(optional)" if optional else ""))
        )
    if entry.values:
        yield from roff.literal(entry.values)
    if entry.text:
        yield ".RS 4"
        yield from roff.paragraphs("\n".join(entry.text), first=True)
        yield ".RE"
