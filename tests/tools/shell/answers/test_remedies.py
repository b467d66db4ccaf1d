"""Errors in plain words."""

import pytest

from amiproxy.ami import message
from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import Message
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.answers.remedies import Asker, error_text, remedies
from amiproxy.tools.shell.language.actions import read_line

LISTED = SHIPPED.learnt_from([(b"Getvar", b"Get a variable.  (Priv: call,reporting,all)")])


def said(line: str, text: bytes, *headers: tuple[bytes, bytes]) -> str:
    answer = Answer(read_line(line).action, b"1")
    answer.take(Message(message.response(b"Error", b"1", (b"Message", text), *headers)))
    return "\n".join(remedies(answer, Asker("desk", LISTED)))


@pytest.mark.parametrize(
    ("line", "text", "part"),
    [
        ("Originate Channel=a", b"Permission denied", "class originate"),
        ("Reload", b"Permission denied", "class system or config"),
        ("Getvar Variable=A", b"Permission denied", "not with these headers"),
        ("OfAnotherModule", b"Permission denied", "ami-proxy explain"),
        ("CoreShowChanels", b"Invalid/unknown command: CoreShowChanels. Use", "CoreShowChannels?"),
        ("Xyzzy", b"Invalid/unknown command: Xyzzy.", "no action Xyzzy"),
        ("Ping", b"Authentication failed", "login-failed"),
        ("ProxyServers", b"Invalid/unknown command: ProxyServers. Use", "one server"),
        ("Ping", b"Too many requests", "wait"),
        ("Ping Server=x", b"No such server", "\\server"),
        ("Getvar Variable=A", b"Server header required", "Server=NAME"),
        ("Getvar Server=*", b"Not for several servers", "Server=NAME"),
    ],
)
def test_a_known_error_comes_with_its_remedy(line: str, text: bytes, part: str) -> None:
    assert part in said(line, text)


def test_the_reason_of_the_proxy_is_repeated() -> None:
    assert "command: not now" in said("Ping", b"Something else", (b"ProxyReason", b"command: not now"))


def test_an_error_that_says_all_needs_no_remedy() -> None:
    assert said("Ping", b"No such channel") == ""
    assert remedies(Answer(read_line("Ping").action, b"1"), Asker("desk", LISTED)) == []


def test_an_error_without_text_has_one() -> None:
    assert error_text(Message(b"Response: Error\r\n\r\n")) == "no reason given"


def test_a_refused_login_with_a_server_may_be_because_of_the_server() -> None:
    answer = Answer(read_line("Login Username=desk/pbx1").action, b"1")
    answer.take(Message(message.response(b"Error", b"1", (b"Message", b"Authentication failed"))))
    [line] = remedies(answer, Asker("desk/pbx1", LISTED))
    assert "user desk does" in line
    assert "server pbx1" in line
