"""What each client does, with its own functions for a request: the answers must be the same at both doors."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

#: A request for a page with these parameters, by ``GET`` or ``POST``: the status and the body.
Ask = Callable[[str, str, Mapping[str, str]], tuple[int, str]]

#: What an answer of AMI is recognised by; other headers vary.
_TOLD = re.compile(r"^(?:Response|Message|Ping|Value|Output): (.*?)\r?$", re.MULTILINE)


def task() -> dict[str, Any]:
    """The task on standard input."""
    found: dict[str, Any] = json.load(sys.stdin)
    return found


def told(answer: tuple[int, str]) -> list[str]:
    """Status and texts of an answer."""
    return [str(answer[0]), *_TOLD.findall(answer[1])]


def seen(ask: Ask, page: str, marker: str) -> str:
    """The value of the UserEvent with this name, from a loop of WaitEvents."""
    for _ in range(20):
        _, body = ask(page, "GET", {"action": "WaitEvent", "timeout": "2"})
        found = re.search(rf"^UserEvent: {marker}\r?$\n(?:.*\n)*?^Value: (.*?)\r?$", body, re.MULTILINE)
        if found:
            return found[1]
    raise AssertionError(f"no {marker}")


def by_cookie(ask: Ask, given: Mapping[str, Any]) -> dict[str, Any]:
    """A session with a cookie."""
    user, marker = {"action": "login", "username": given["username"]}, f"{given['name']}-cookie"
    story: dict[str, Any] = {}
    story["stranger"] = told(ask("rawman", "GET", {"action": "ping"}))
    story["wrong"] = told(ask("rawman", "GET", {**user, "secret": "wrong"}))
    story["login"] = told(ask("rawman", "POST", {**user, "secret": given["secret"]}))
    story["ping"] = told(ask("rawman", "GET", {"action": "ping", "actionid": "1"}))
    story["unknown"] = told(ask("rawman", "GET", {"action": "nosuchaction"}))
    story["command"] = told(ask("rawman", "POST", {"action": "command", "command": "core show version"}))
    story["xml"] = ask("mxml", "GET", {"action": "getvar", "variable": "LAB", "actionid": "2"})[1]
    text = "zażółć & <b> 'c' + \"d\" 100%"
    story["sent"] = told(ask("rawman", "GET", {"action": "UserEvent", "UserEvent": marker, "Value": text}))
    story["event"] = seen(ask, "rawman", marker)
    assert story["event"] == text, story["event"]
    story["logoff"] = told(ask("rawman", "GET", {"action": "logoff"}))
    story["after"] = told(ask("rawman", "GET", {"action": "ping"}))
    return story


def by_digest(ask: Ask, wrong: Ask, given: Mapping[str, Any], *, keeps_nonce: bool = True) -> dict[str, Any]:
    """A session with a digest; ``wrong`` uses another secret.

    Without ``keeps_nonce`` the client asks for a new one each time, so that each request is a session.
    """
    marker = f"{given['name']}-digest"
    story: dict[str, Any] = {}
    story["wrong"] = wrong("arawman", "GET", {"action": "ping"})[0]
    story["ping"] = told(ask("arawman", "GET", {"action": "ping"}))
    story["again"] = told(ask("arawman", "GET", {"action": "ping", "actionid": "a b"}))
    story["posted"] = told(ask("arawman", "POST", {"action": "command", "command": "core show version"}))
    story["xml"] = ask("amxml", "GET", {"action": "getvar", "variable": "LAB"})[1]
    story["sent"] = told(ask("arawman", "GET", {"action": "UserEvent", "UserEvent": marker, "Value": "x y"}))
    if keeps_nonce:
        story["event"] = seen(ask, "arawman", marker)
    return story


def finish(**stories: Mapping[str, Any]) -> None:
    """Print what happened."""
    json.dump(stories, sys.stdout)
