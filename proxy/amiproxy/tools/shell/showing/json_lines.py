"""Answers and events as JSON: one object a line, for programs such as jq."""

import json
from collections.abc import Iterator

from amiproxy.ami.message import Message
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.showing.records import output_lines


def answer(result: Answer) -> Iterator[str]:
    """A line for each item of a list, or for the response; an error is a line too."""
    if result.response is not None and (result.failed or not result.is_list):
        yield message(result.response, result.action_id)
    for item in result.items:
        yield message(item, result.action_id)
    if result.complete is not None and result.failed:
        yield message(result.complete, result.action_id)
    for row in result.rows:
        yield _dumped({"Text": _text(row)})


def message(one: Message, own_id: bytes = b"") -> str:
    """One message as an object: header -> value, or a list of values if it occurs several times.

    ``Output`` is always a list.

    An ActionID that is ``own_id`` is left out.
    """
    headers: dict[str, str | list[str]] = {}
    for name, value in one.headers:
        if name == b"Output":
            headers.setdefault("Output", [*map(_text, output_lines(one))])
            continue
        if name.lower() == b"actionid" and value == own_id:
            continue
        key, text = _text(name), _text(value)
        before = headers.get(key)
        if before is None:
            headers[key] = text
        elif isinstance(before, list):
            before.append(text)
        else:
            headers[key] = [before, text]
    return _dumped(headers)


def _dumped(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    # JSON leaves some characters as they are that a terminal would interpret.
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
