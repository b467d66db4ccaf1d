"""Plays a dialogue over HTTP at a door, and returns what it was answered, without values that vary."""

import re
from dataclasses import dataclass, replace

from tests.asterisk.ajam.dialogues import Ask, Dialogue
from tests.asterisk.ajam.door import PREFIX, AjamDoor, Digest
from tests.asterisk.dialogues.transcript import steady
from tests.asterisk.door import SECRETS
from tests.support.raw_http import Answer

_VARYING = [
    re.compile(rb"(?i)(?<= timestamp=')[^']*"),
    re.compile(rb"(?i)(?<=<tr><td>Timestamp</td><td>)[^<]*"),
]
_MESSAGES = re.compile(rb"(?:.+\r\n)+\r\n")


@dataclass(frozen=True)
class Seen:
    """One answer.  ``headers`` without what varies; Content-Length was compared with the body."""

    status: str
    headers: tuple[str, ...]
    body: bytes

    def without(self, *names: str) -> "Seen":
        """The same without these headers, in lower case."""
        kept = tuple([line for line in self.headers if line.partition(":")[0].lower() not in names])
        return replace(self, headers=kept)


def play(door: AjamDoor, dialogue: Dialogue) -> list[Seen]:
    """The answers to all requests."""
    http = door.connect()
    cookie: str | None = None
    challenge = ""
    digests: dict[tuple[str, str], Digest] = {}
    seen = []
    with http:
        for step in dialogue.steps:
            target, body = _sent(step)
            lines = [*step.lines]
            if step.digest:
                made = Digest(challenge, step.digest, SECRETS.get(step.digest, "wrong"))
                digest = digests.setdefault((challenge, step.digest), made)
                lines.append(digest.header(target, step.method))
            sent = cookie if step.cookie else None
            answer = http.ask(target, *lines, method=step.method, body=body, cookie=sent)
            cookie = answer.cookie or cookie
            challenge = answer.get("WWW-authenticate") or challenge
            shown = _steady(answer, step.method)
            seen.append(shown if step.is_compared else replace(shown, body=b""))
    return seen


def _sent(step: Ask) -> tuple[str, bytes]:
    path = f"{PREFIX}/{step.target}"
    if step.method == "POST":
        return path, step.parameters.encode()
    return f"{path}?{step.parameters}" if step.parameters else path, b""


def _steady_value(name: str, value: str) -> str:
    """The value of a header without what differs each time."""
    if name in {"Date", "Content-Length"}:
        return "*"
    if name == "Set-Cookie":
        return re.sub(r'"[0-9a-f]+"', '"*"', value)
    if name.lower() == "www-authenticate":
        return re.sub(r'(nonce|opaque)="[^"]*"', r'\1="*"', value)
    return value


def _steady(answer: Answer, method: str) -> Seen:
    length = answer.get("Content-Length")
    assert method == "HEAD" or length == str(len(answer.body)), answer
    headers = [f"{name}: {_steady_value(name, value)}" for name, value in answer.headers]
    body = answer.body
    if answer.get("Content-type") == "text/plain":
        body = b"".join(steady(_MESSAGES.findall(body))) + _MESSAGES.sub(b"", body)
    for pattern in _VARYING:
        body = pattern.sub(b"*", body)
    return Seen(f"{answer.status} {answer.reason}", tuple(headers), body)
