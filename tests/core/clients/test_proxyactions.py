"""AstManProxy's own actions: answered for users with class system, denied to all others."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Message
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench

BOSS = User("boss", write=privilege.SYSTEM, secret="plain:x")
READER = User("reader", write=privilege.ALL & ~privilege.SYSTEM, secret="plain:x")


def ask(bench: Bench, user: str, text: str) -> Message:
    session, transport = bench.login(user)
    session.receive(text.encode())
    return Message(transport.take())


def test_sessions_are_listed_as_astmanproxy_does() -> None:
    bench = Bench(BOSS)
    bench.link_up()
    bench.connect("192.0.2.77")
    answer = ask(bench, "boss", "ProxyAction: ListSessions\r\nActionID: 7\r\n\r\n")
    assert answer.headers == [
        (b"ProxyResponse", b"Success"),
        (b"ActionID", b"7"),
        (b"ProxyClientSession", b"192.0.2.77"),
        (b"ProxyClientInputHandler", b"Standard"),
        (b"ProxyClientOutputHandler", b"Standard"),
        (b"ProxyClientSession", b"192.0.2.1"),
        (b"ProxyClientInputHandler", b"Standard"),
        (b"ProxyClientOutputHandler", b"Standard"),
        (b"ProxyServerSession", b"asterisk"),
    ]


@pytest.mark.parametrize("is_up", [True, False])
def test_the_server_is_listed_without_its_host_and_our_user(is_up: bool) -> None:
    bench = Bench(BOSS)
    if is_up:
        bench.link_up()
    answer = ask(bench, "boss", "ProxyAction: listservers\r\n\r\n")
    assert answer.get(b"proxyresponse") == b"Success"
    assert answer.get(b"proxylistserver") == b"I: - H: asterisk U: - P: - E: on"
    assert answer.get(b"proxyserverstatus") == (b"up" if is_up else b"down")
    listed = ask(bench, "boss", "ProxyAction: ListSessions\r\n\r\n")
    assert (listed.get(b"proxyserversession") == b"asterisk") is is_up


@pytest.mark.parametrize(
    ("text", "response", "header", "value"),
    [
        ("ListIOHandlers", b"Success", b"inputhandler", b"Standard"),
        ("SetOutputFormat\r\nOutputFormat: standard", b"Success", b"outputformat", b"Standard"),
        ("SetOutputFormat\r\nOutputFormat: XML", b"Error", b"message", b"output format"),
        ("SetAutoFilter\r\nAutoFilter: on", b"Error", b"message", b"only"),
        ("AddServer\r\nServer: 1.2.3.4", b"Error", b"message", b"proxy.yaml"),
        ("DropServer", b"Error", b"message", b"proxy.yaml"),
        ("", b"Error", b"message", b"Invalid Proxy Action"),
    ],
)
def test_each_action_has_its_response(text: str, response: bytes, header: bytes, value: bytes) -> None:
    answer = ask(Bench(BOSS), "boss", f"ProxyAction: {text}\r\n\r\n")
    assert answer.get(b"proxyresponse") == response
    assert value in answer.get(header)


@pytest.mark.parametrize("name", ["ListSessions", "ListServers", "ListIOHandlers", "AddServer", "Nonsense"])
def test_users_without_class_system_and_unauthenticated_clients_are_denied(name: str) -> None:
    bench = Bench(READER)
    text = f"ProxyAction: {name}\r\nActionID: 1\r\n\r\n"
    denied = b"ProxyResponse: Error\r\nActionID: 1\r\nMessage: Permission denied\r\n\r\n"
    assert ask(bench, "reader", text).raw == denied
    session, transport = bench.connect()
    session.receive(text.encode())
    assert transport.take() == denied
    assert bench.hub.stats.actions_denied == 2


@pytest.mark.parametrize("user", ["boss", "reader", ""])
def test_logoff_works_as_an_action_for_every_client(user: str) -> None:
    bench = Bench(BOSS, READER)
    session, transport = bench.login(user) if user else bench.connect()
    session.receive(b"ProxyAction: LogOff\r\nActionID: 1\r\n\r\n")
    goodbye = b"Response: Goodbye\r\nActionID: 1\r\nMessage: Thanks for all the fish.\r\n\r\n"
    assert transport.take() == goodbye
    assert transport.closed == "close"
    assert bench.hub.stats.actions_denied == 0


def test_an_action_header_takes_precedence_over_a_proxyaction_header() -> None:
    bench = Bench(BOSS)
    bench.link_up()
    assert ask(bench, "boss", "ProxyAction: ListSessions\r\nAction: Ping\r\n\r\n").get(b"ping") == b"Pong"
