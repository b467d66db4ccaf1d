"""What a client asks over HTTP, as data, and which differences between the two doors may be seen in it."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from tests.asterisk.door import SECRETS


@dataclass(frozen=True)
class Ask:
    """One request.  ``target`` comes behind the prefix; ``parameters`` are its query, or the body of POST.

    The cookie that was set last is sent, unless ``cookie`` is False.  ``digest`` is the user whose digest is
    sent, for the challenge that came last.  Of an answer that is not ``is_compared`` only the headers are.
    """

    target: str
    parameters: str = ""
    method: str = "GET"
    lines: tuple[str, ...] = ()
    cookie: bool = True
    digest: str = ""
    is_compared: bool = True


@dataclass(frozen=True)
class Dialogue:
    """Requests on one connection, and the names of the differences that they show."""

    steps: tuple[Ask, ...]
    differences: tuple[str, ...] = ()


def raw(parameters: str, **more: object) -> Ask:
    """Ask for /rawman."""
    return Ask("rawman", parameters, **more)


def login(user: str = "proxy", method: str = "POST") -> Ask:
    """A login."""
    form = urlencode({"action": "login", "username": user, "secret": SECRETS[user]})
    return raw(form, method=method)


#: Takes the events that are already there, such as that of the login.
WAIT: Final = raw("action=waitevent&timeout=0", is_compared=False)
#: Takes the next event.
NEXT: Final = "action=waitevent&timeout=5"


def session(*steps: Ask, differences: tuple[str, ...] = (), user: str = "proxy") -> Dialogue:
    """These requests after a login, with the events of class user only."""
    begin = (login(user), WAIT, raw("action=events&eventmask=user"))
    return Dialogue((*begin, *steps), differences)


_FORMS: Final = ("rawman", "mxml", "manager")


def _in_each_form(*asked: str) -> tuple[Ask, ...]:
    return tuple([Ask(form, parameters) for parameters in asked for form in _FORMS])


DIALOGUES: Final = {
    "stranger": Dialogue(
        (
            *_in_each_form("action=ping&actionid=1", "action=nosuchaction", "", "actionid=9", "action="),
            raw("action=logoff"),
            raw("action=waitevent"),
            raw("action=login"),
            raw("action=ping", lines=('Cookie: mansession_id="deadbeef"',), cookie=False),
        ),
        ("strangers", "page"),
    ),
    "login": Dialogue(
        (
            login(),
            raw("action=ping&actionid=a%20b"),
            login("limited"),
            raw("action=logoff&actionid=2"),
            raw("action=ping"),
        ),
        ("strangers", "logoff"),
    ),
    "login-by-get": Dialogue((login(method="GET"), raw("action=ping"))),
    "login-in-xml": Dialogue((Ask("mxml", login().parameters), Ask("mxml", "action=logoff")), ("logoff",)),
    "login-in-html": Dialogue(
        (Ask("manager", login().parameters, "POST"), Ask("manager", "action=logoff", "POST")),
        ("logoff", "page"),
    ),
    "wrong-login": Dialogue(
        (
            raw("action=login&username=proxy&secret=wrong&actionid=1"),
            raw("action=login&username=nobody&secret=wrong", method="POST"),
            raw("action=login&username=lab-acl&secret=acl", method="POST"),
            Ask("mxml", "action=login&username=proxy&secret=wrong", "POST"),
            login(),
        ),
        ("strangers",),
    ),
    "answers": session(
        *_in_each_form(
            "action=ping&actionid=7",
            "action=command&command=core%20show%20version",
            "action=command&command=nosuchcommand",
            "action=queuesummary",
            "action=getconfig&filename=cel.conf",
            "action=getvar&variable=LAB",
            "action=nosuchaction",
            "action=dbput&family=ajam&key=k&val=za%C5%BC%C3%B3%C5%82%C4%87%20%3Cb%3E%20%26%20%27c%27%20%22d%22",
            "action=dbget&family=ajam&key=k",
            "action=extensionstate&exten=100&context=lab",
        ),
        differences=("page",),
    ),
    "rights": session(
        raw("action=command&command=core%20show%20version"),
        raw("action=dbput&family=x&key=y&val=z"),
        Ask("mxml", "action=queuesummary"),
        user="limited",
    ),
    "methods": session(
        raw("action=ping", method="HEAD"),
        raw("action=ping", method="POST"),
        raw("action=ping", method="PUT"),
        raw("action=ping", method="DELETE"),
        raw("action=ping", method="OPTIONS"),
        raw("action=ping", method="FOO"),
        differences=("errors",),
    ),
    "bodies": session(
        Ask("rawman?action=ping", "", "POST"),
        Ask("rawman?action=ping", "actionid=5", "POST"),
        raw("action=ping", method="POST", lines=("Content-Type: text/plain",)),
        raw('{"action":"ping"}', method="POST", lines=("Content-Type: application/json",)),
        raw(
            "action=ping",
            method="POST",
            lines=("Content-Type: application/x-www-form-urlencoded; charset=utf-8",),
        ),
    ),
    "paths": Dialogue(
        (
            Ask("RAWMAN", "action=ping"),
            Ask("rawman/", "action=ping"),
            Ask("RawMan/", ""),
            Ask("rawman/x", "action=ping"),
            Ask("/rawman", "action=ping"),
            Ask("raw%6dan", "action=ping"),
            Ask("nothing", "action=ping"),
            Ask("", ""),
        ),
        ("strangers", "errors"),
    ),
    "parameters": session(
        raw("action=&ACTION=ping&action=logoff"),
        raw("&&action=ping&"),
        raw("x=%zz&action=pin%67&y=%4"),
        raw("action=userevent&userevent=A&x=%zz&y=%4&z=%41+%2b%25&novalue&v=a=b;c&A%5b%5d=1"),
        raw(NEXT),
        raw("action=userevent&userevent=B&lead=+x+&u=%c3%a9&A=1&A=2&a=3"),
        raw(NEXT),
        raw("action=ping&actionid=%c5%bc%20%2B"),
    ),
    "events": session(
        raw("action=userevent&userevent=First&q=%27%22%3c%3e%26", method="POST"),
        Ask("mxml", f"{NEXT}&actionid=3"),
        raw("action=userevent&userevent=Second"),
        Ask("manager", "action=waitevent&actionid=4"),
        raw("action=waitevent&timeout=0"),
        raw("action=waitevent&timeout=1.9&actionid=5"),
        raw("action=waitevent&timeout=0x1"),
        differences=("page",),
    ),
    "names-in-xml": session(
        raw("action=userevent&userevent=N&A=1&A=2&a.b=1&9x=1&x+y=1&long-name=1"),
        Ask("mxml", NEXT),
        Ask("mxml", "action=ping&ajaxdest=box&ajaxobjtype=Pong"),
        Ask("mxml", "action=ping&ajaxdest=&ajaxobjtype="),
        Ask("mxml", "action=ping&ajaxdest=a&ajaxdest=b"),
    ),
    "invalid-xml": session(
        raw("action=userevent&userevent=N&A=1&a=2&l=%e9"),
        Ask("mxml", NEXT),
        Ask("mxml", "action=ping&ajaxdest=x%27%3e%3cb&ajaxobjtype=x+y"),
        differences=("invalid-xml",),
    ),
    "line-ends": session(
        raw("action=ping&actionid=1%0d%0aInjected:%20yes"),
        raw("action=ping&x%0d%0aInjected:=1"),
        raw("action=ping&x=%00"),
        raw("action=ping&x=%1b"),
        raw("action=ping&x:y=1"),
        raw("action=ping&=1"),
        differences=("line-ends",),
    ),
    "limits-of-ami": session(
        raw("action=ping&x=" + "y" * 1500),
        raw("action=ping&actionid=3&" + "&".join(["x=y"] * 200), method="POST"),
        differences=("limits-of-ami",),
    ),
    "digest": Dialogue(
        (
            Ask("arawman", "action=ping"),
            Ask("arawman", "action=ping&actionid=1", digest="proxy"),
            Ask("arawman", "action=login", digest="proxy"),
            Ask("amxml", "action=getvar&variable=LAB", digest="proxy"),
            Ask("amanager", "action=ping", "POST", digest="proxy"),
            Ask("arawman", "action=nosuchaction", digest="proxy"),
            Ask("arawman", "", digest="proxy"),
            Ask("arawman", "action=ping", "HEAD", digest="proxy"),
            Ask("arawman", "action=logoff", digest="proxy"),
            Ask("arawman", "action=ping", digest="proxy"),
        ),
        ("challenge", "page"),
    ),
    "wrong-digest": Dialogue(
        (
            Ask("arawman", "action=ping"),
            Ask("arawman", "action=ping", digest="nobody"),
            Ask("arawman", "action=ping", lines=("Authorization: Basic cHJveHk6cHJveHlzZWNyZXQ=",)),
            Ask("arawman", "action=ping", lines=("Authorization: Digest",)),
            Ask("arawman", "action=ping", "PUT"),
        ),
        ("challenge", "errors"),
    ),
}
