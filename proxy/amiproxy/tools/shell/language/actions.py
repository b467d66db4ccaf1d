"""Reads actions: a line such as ``Originate Channel=PJSIP/alice Exten=1``, or a block of AMI's own lines."""

import difflib
import re
from typing import Final, NamedTuple

from amiproxy.ami.arguments import ARGUMENTS, Argument, Described, Kind
from amiproxy.ami.errors import ControlCharacter, ProtocolError
from amiproxy.ami.message import Action, parse_action
from amiproxy.tools.shell.language.words import UsageError, Word, complete_words, quoted

_NAME: Final = re.compile(r"[A-Za-z0-9_.()/-]{1,64}")
_HEADER: Final = re.compile(r"([A-Za-z0-9_.()/-]{1,64})=", re.ASCII)
#: The beginning of a block of AMI's own lines.
_BLOCK: Final = re.compile(r"\s*(?:ActionID\s*:[^\n]*\n\s*)?Action\s*:", re.IGNORECASE)
#: The header that says which of several servers a message is for, or from; in lower case.
SERVER: Final = b"server"
#: The action that takes the rest of its line as it is.
COMMAND: Final = "command"


class Read(NamedTuple):
    """An action, and remarks about it that do not prevent it from being sent."""

    action: Action
    remarks: tuple[str, ...] = ()


def is_block(text: str) -> bool:
    """Whether the text begins like a block of ``Name: value`` lines."""
    return _BLOCK.match(text) is not None


def read_line(line: str) -> Read:
    """The action in a line: its name, then ``Header=Value`` words.

    The value of an action's first header may stand alone after the name (``QueueStatus support``); for
    ``Command`` that is the rest of the line, as it is.  Raises UsageError.
    """
    name, rest = _name_and_rest(line)
    if name.lower() == COMMAND and rest and not _HEADER.match(rest):
        return _checked([("Action", name), ("Command", rest)])
    words = complete_words(line)
    headers = [("Action", name)]
    for number, word in enumerate(words[1:]):
        found = header_of(word, line)
        if found:
            headers.append((found, word.text[len(found) + 1 :]))
            continue
        first = first_header(name)
        if number > 0 or first is None or line[word.begin : word.end].endswith(":"):
            raise UsageError(_not_a_header(word, name))
        headers.append((first, word.text))
    return _checked(headers)


def header_of(word: Word, line: str) -> str:
    """The header's name in a word ``Header=Value``; "" if the word is a value alone.

    A word whose beginning is quoted is a value, whatever is in it.
    """
    if line[word.begin] in "'\"\\":
        return ""
    found = _HEADER.match(word.text)
    return found[1] if found else ""


def first_header(action: str) -> str | None:
    """The header whose value may stand alone after the action's name; None if there is none."""
    described = ARGUMENTS.get(action.lower().encode())
    shown = headers_of(described) if described else []
    return shown[0].header.decode() if shown else None


def headers_of(described: Described) -> list[Argument]:
    """The headers that can be typed by name, in the order of the table."""
    return [
        argument
        for argument in described.arguments
        if argument.kind is not Kind.UNSENDABLE and not {*b"*#"} & {*argument.header}
    ]


def read_block(text: str) -> Read:
    """The action in one block of ``Name: value`` lines, which may be indented.  Raises UsageError."""
    lines = [line.strip("\r\n").lstrip(" \t") for line in text.strip().split("\n")]
    for number, line in enumerate(lines, start=1):
        name, colon, _ = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise UsageError(f"line {number} of the block is not `Name: value`: {line[:40]!r}; correct it")
    raw = "\n".join(lines).encode(errors="surrogateescape") + b"\n\n"
    try:
        action = parse_action(raw)
    except ProtocolError as error:
        raise UsageError(_protocol_error(error)) from None
    if not action.name:
        raise UsageError("the block has no Action line; begin it with Action: NAME")
    return Read(action, _remarks(action))


def spelled(action: Action) -> str:
    """The action as a line that ``read_line`` reads back."""
    words = [_text(action.name)]
    for name, value in action.headers:
        if name.lower() != b"action":
            word = f"{_text(name)}={quoted(_text(value))}" if value else f"{_text(name)}="
            words.append(word)
    return " ".join(words)


def nearest(word: str, known: list[str]) -> str:
    """The known word most like this one, in any case; "" if none is."""
    by_key = {one.lower(): one for one in known}
    found = difflib.get_close_matches(word.lower(), by_key, n=1, cutoff=0.6)
    return by_key[found[0]] if found else ""


def _name_and_rest(line: str) -> tuple[str, str]:
    name, _, rest = line.strip().partition(" ")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name[:40]!r} is not the name of an action; type one such as Ping, or \\h for help"
        )
    return name, rest.strip()


def _checked(headers: list[tuple[str, str]]) -> Read:
    coded = [(name.encode(), value.encode(errors="surrogateescape")) for name, value in headers]
    # Parsed as the proxy will parse it: what that would refuse is refused here, with the same text.
    text = b"".join(name + b": " + value + b"\r\n" for name, value in coded)
    if any(b"\r" in value or b"\n" in value for _, value in coded):
        raise UsageError("a value contains a line break, which no header of AMI can hold; leave it out")
    try:
        action = parse_action(text + b"\r\n")
    except ProtocolError as error:
        raise UsageError(_protocol_error(error)) from None
    return Read(action, _remarks(action))


def _protocol_error(error: ProtocolError) -> str:
    if isinstance(error, ControlCharacter):
        return "a value contains a control character, which Asterisk would cut or misread; leave it out"
    return f"Asterisk would refuse it ({error}); shorten it: 128 headers, 1022 bytes a line"


def _remarks(action: Action) -> tuple[str, ...]:
    described = ARGUMENTS.get(action.key)
    if described is None:
        return ()
    known = [argument.header.decode() for argument in headers_of(described)]
    remarks = []
    for name in described.left_out(action):
        if name.lower() == SERVER:
            continue  # it says to which server the action goes
        near = nearest(_text(name), known)
        remarks.append(
            f"{_text(action.name)} has no header {_text(name)}, so the proxy does not send it"
            + (f"; did you mean {near}?" if near else "")
        )
    return tuple(remarks)


def _not_a_header(word: Word, action: str) -> str:
    if word.text.endswith(":"):
        return f"write {word.text[:-1]}=VALUE, or \\raw for lines such as {word.text} VALUE"
    described = ARGUMENTS.get(action.lower().encode())
    known = [argument.header.decode() for argument in headers_of(described)] if described else []
    has = f"{action} has {', '.join(known)}" if known else f"{action} has no headers that are known here"
    return f"{word.text[:40]!r} is not Header=Value; {has}"


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
