"""The accounts of ``ami-proxy fleet config`` at real nats-servers with the configuration in deploy/examples.

Each process may do what it needs; everything else is refused by the nats-servers, whatever our processes do.
"""

import contextlib
import re
import signal
import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.asterisk.lab.cache import Unavailable
from tests.fleet.example import EXAMPLE, Engines, running_example
from tests.fleet.lab.nkeys import user_key
from tests.fleet.lab.rawclient import RawClient
from tests.support.requirements import give_up
from tests.support.waiting import wait_until
from tests.tools.fleet.test_plan import WHOLE


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    try:
        with running_example(tmp_path_factory.mktemp("nats"), WHOLE) as found:
            yield found
    except Unavailable as reason:
        give_up("NATS", reason)


def test_only_what_a_fleet_needs_listens(engines: Engines) -> None:
    seen = engines.nodes[0].seen("varz")
    assert seen["auth_required"]
    assert seen["tls_required"]
    assert seen["write_deadline"] == 10_000_000_000
    assert seen["max_payload"] == 2 << 20
    assert not any(seen[part].get("port") for part in ("mqtt", "websocket", "leaf", "gateway"))
    assert not seen["jetstream"].get("config")


def test_nobody_is_let_in_without_a_key_of_the_fleet_or_in_plain_text(engines: Engines) -> None:
    assert engines.lets_in(engines.key("edge1"))
    assert not engines.lets_in(None)
    assert not engines.lets_in(user_key())
    with RawClient(engines.nodes[0].port, None, engines.key("edge1")) as client:
        assert client.until_pong()[-1] == b"end"


@pytest.mark.parametrize("with_certificate", [False, True])
def test_a_node_needs_a_certificate_and_the_password(engines: Engines, with_certificate: bool) -> None:
    folder = engines.cafile.parent
    context = ssl.create_default_context(cafile=str(engines.cafile))
    if with_certificate:
        context.load_cert_chain(folder / "node.crt", folder / "node.key")
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", engines.nodes[0].routes), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as peer,
        contextlib.suppress(OSError),
    ):
        peer.sendall(b'CONNECT {"verbose":false,"name":"x","server_id":"x","cluster":"fleet"}\r\nPING\r\n')
        while data := peer.recv(4096):
            answer += data
    assert b"PONG" not in answer
    assert (b"Authorization Violation" in answer) is with_certificate


@pytest.mark.parametrize(
    ("name", "publishes", "subscribes"),
    [
        (
            "berlin-b",
            ["ami.v1.ev.berlin.berlin-b", "ami.v1.ev.paris.berlin-b"],
            ["ami.v1.act.paris.berlin-b.*", "ami.v1.ask.berlin.berlin-b.*"],
        ),
        (
            "edge1",
            ["ami.v1.act.berlin.berlin-b.edge1", "ami.v1.ask.berlin.berlin-a.edge1"],
            ["ami.v1.ev.berlin.berlin-a", "_INBOX.edge1.>", "_INBOX.edge1.x"],
        ),
    ],
)  # fmt: skip
def test_a_process_may_do_what_it_needs(
    engines: Engines, name: str, publishes: list[str], subscribes: list[str]
) -> None:
    with engines.client(name, 1) as client:
        for subject in publishes:
            client.publish(subject, b"1")
        for subject in subscribes:
            client.subscribe(subject)
        assert client.until_pong() == []


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("edge1", "ami.v1.ev.berlin.berlin-a"),
        ("edge1", "ami.v1.act.berlin.berlin-a.edge2"),
        ("edge1", "ami.v1.act.berlin.berlin-a"),
        ("edge1", "ami.v1.act.paris.paris-a.edge1"),
        ("edge1", "_INBOX.edge1.x"),
        ("edge1", "_INBOX.edge2.x"),
        ("berlin-a", "ami.v1.ev.berlin.berlin-b"),
        ("berlin-a", "ami.v1.ev.paris.berlin-a"),
        ("berlin-a", "ami.v1.act.berlin.berlin-b.edge1"),
        ("berlin-a", "ami.v1.act.berlin.berlin-a.edge1"),
        ("berlin-a", "_INBOX.edge1.x"),
        ("berlin-a", "$SYS.REQ.SERVER.PING"),
        ("berlin-a", "$JS.API.INFO"),
        ("paris-a", "anything"),
    ],
)
def test_nobody_publishes_in_anothers_name(engines: Engines, name: str, subject: str) -> None:
    with engines.client(name) as client:
        client.publish(subject, b"forged")
        assert any(b"permissions violation for publish" in line.lower() for line in client.until_pong())


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        *(("edge1", subject) for subject in (">", "*", "ami.>", "ami.v1.ev.>", "ami.v1.ev.berlin.*")),
        ("edge1", "ami.v1.ev.paris.paris-a"),
        ("edge1", "ami.v1.act.berlin.berlin-a.edge1"),
        *(("edge1", subject) for subject in ("_INBOX.>", "_INBOX.*.x", "_INBOX.edge2.>", "_INBOX.edge1")),
        ("edge1", "$SYS.>"),
        *(("berlin-a", f"ami.v1.act.{end}") for end in (">", "berlin.*.*", "berlin.berlin-b.*")),
        ("berlin-a", "ami.v1.act.paris.berlin-a.*"),
        ("berlin-a", "ami.v1.ev.berlin.berlin-a"),
        ("berlin-a", "_INBOX.edge1.>"),
    ],
)  # fmt: skip
def test_nobody_reads_what_is_for_others(engines: Engines, name: str, subject: str) -> None:
    with engines.client(name) as client:
        client.subscribe(subject)
        assert any(b"permissions violation for subscription" in line.lower() for line in client.until_pong())


def test_an_agent_answers_what_it_was_asked_and_nothing_else(engines: Engines) -> None:
    with engines.client("edge1", 0) as edge, engines.client("berlin-a", 2) as agent:
        agent.subscribe("ami.v1.act.berlin.berlin-a.*")
        edge.subscribe("_INBOX.edge1.>")
        assert agent.until_pong() == edge.until_pong() == []
        requests: list[bytes] = []
        while not requests:  # the other node learns of the subscription a moment later
            edge.publish("ami.v1.act.berlin.berlin-a.edge1", b"asked", "_INBOX.edge1.7")
            edge.until_pong()
            requests = agent.until_pong()
        for _ in range(10):
            agent.publish("_INBOX.edge1.7", b"answer")
        assert agent.until_pong() == []
        agent.publish("_INBOX.edge1.8", b"unasked")
        assert any(b"permissions violation" in line.lower() for line in agent.until_pong())


def test_a_rotated_seed_is_valid_beside_the_old_one_until_that_is_retired(engines: Engines) -> None:
    def reload() -> None:
        engines.publish_accounts()
        for node in engines.nodes:
            node.signal(signal.SIGHUP)

    old = engines.key("paris-a")
    engines.fleet("keys", "--rotate", "paris-a")
    new = engines.key("paris-a")
    assert not engines.lets_in(new)
    reload()
    for node in range(3):
        wait_until(lambda node=node: engines.lets_in(new, node), within=20)
        assert engines.lets_in(old, node)
    with RawClient(engines.nodes[0].port, engines.cafile, old) as thief:
        assert thief.until_pong() == []
        engines.fleet("keys", "--retire", "paris-a")
        reload()
        for node in range(3):
            wait_until(lambda node=node: not engines.lets_in(old, node), within=20)
            assert engines.lets_in(new, node)
        # One that was connected is thrown out.
        assert thief.until_pong()[-1] == b"end"


def test_the_example_says_what_it_needs() -> None:
    text = (EXAMPLE / "nats-server.conf").read_text()
    settings = re.sub(r"#.*", "", text)
    for word in ("mqtt", "websocket", "leafnodes", "gateway", "jetstream", "no_auth_user"):
        assert word not in settings
