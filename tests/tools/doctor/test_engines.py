"""The doctor's findings about a fleet's nats-servers, at a server that says what a test wants."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from amiproxy.config import Config, Engine, FleetSettings, ListenerSettings
from amiproxy.config.address import Address
from amiproxy.config.fleet.nkeys import seed_of
from amiproxy.config.fleet.schema import EdgeEntry, FleetServer
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.tools.doctor import engines
from amiproxy.tools.doctor.finding import DoctorFinding
from tests.support.ports import free_port
from tests.support.servercert import ServerCertificate

_GOOD: Final[dict[str, Any]] = {"version": "2.15.1", "tls_required": True, "nonce": "n", "max_payload": 1}
_DENIED: Final = b"-ERR 'Permissions Violation for Publish to \"x\"'\r\n"


class Server:
    """Greets, wraps in TLS if its client begins it, and refuses subjects that are not in ``allowed``."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.info = dict(_GOOD)
        self.greeting = b""
        self.allowed: set[str] = set()
        self.lets_all_in = False
        #: What is published all the time.
        self.published: set[str] = set()
        self.asked: list[str] = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                with contextlib.suppress(OSError), peer:
                    self._talk(peer)

    def _talk(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        plain.sendall(self.greeting or f"INFO {json.dumps(self.info)}\r\n".encode())
        if plain.recv(1, socket.MSG_PEEK) == b"C":
            if self.lets_all_in:
                self._answer(plain)
            return
        with self._context.wrap_socket(plain, server_side=True) as peer:
            self._answer(peer)

    def _answer(self, peer: socket.socket) -> None:
        with peer.makefile("rb") as lines:
            for line in lines:
                words = line.decode().split()
                if words[:1] == ["CONNECT"] and b'"nkey"' not in line and not self.lets_all_in:
                    peer.sendall(b"-ERR 'Authorization Violation'\r\n")
                    return
                if words[:1] in (["PUB"], ["SUB"]):
                    self.asked.append(f"{words[0]} {words[1]}")
                    if words[0] == "SUB" and words[1] in self.published:
                        peer.sendall(f"MSG {words[1]} {words[2]} 4\r\nbeat\r\nPING\r\n".encode())
                    if self.asked[-1] not in self.allowed:
                        peer.sendall(_DENIED)
                elif words == ["PING"]:
                    peer.sendall(b"PONG\r\n")


@pytest.fixture
def certificate(tmp_path: Path) -> ServerCertificate:
    return ServerCertificate(tmp_path)


@pytest.fixture
def server(certificate: ServerCertificate) -> Iterator[Server]:
    made = Server(certificate.context())
    made.allowed = {"SUB ami.v1.act.berlin.berlin-a.*", "SUB ami.v1.ask.berlin.berlin-a.*"}
    yield made
    made.close()


def config_of(folder: Path, *ports: int, role: str = "agent", ca: str = "upstream-ca.crt") -> Config:
    folder.chmod(0o700)
    for name, text in (("a.seed", seed_of(bytes(32)).decode()), ("token.key", "0" * 32)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    edge = {"name": "edge1", "servers": {"berlin": FleetServer(agents=("berlin-a",))}}
    agent = {"name": "berlin-a", "server": "berlin", "edges": {"edge1": EdgeEntry(users="all")}}
    return Config(
        listeners=(ListenerSettings(address=Address.from_text("127.0.0.1:0")),),
        fleet=FleetSettings(
            role="edge" if role == "edge" else "agent",
            engines=tuple(Engine("127.0.0.1", port) for port in ports),
            ca=folder / ca,
            seed_file=folder / "a.seed",
            token_key_file=folder / "token.key",
            **(edge if role == "edge" else agent),
        ),
    )


def examined(folder: Path, server: Server) -> list[DoctorFinding]:
    return list(engines.examine(config_of(folder, server.port)))


def wrong(found: list[DoctorFinding]) -> list[str]:
    assert all(finding.remedy for finding in found if finding.level != "ok")
    return [finding.text for finding in found if finding.level == "fail"]


def test_a_proxy_in_no_fleet_is_asked_nothing(tmp_path: Path) -> None:
    listener = ListenerSettings(address=Address.from_text("127.0.0.1:0"))
    assert list(engines.examine(Config(listeners=(listener,)))) == []


def test_a_server_that_refuses_what_it_should_is_fine(tmp_path: Path, server: Server) -> None:
    found = examined(tmp_path, server)
    assert [finding.level for finding in found] == ["ok"] * 4
    config = config_of(tmp_path, 1)
    assert config.fleet is not None
    tried = engines.trials(config, config.fleet)
    assert len(server.asked) == sum(map(len, (tried.publish, tried.subscribe, tried.needed)))


@pytest.mark.parametrize("version", ["2.9.10", "2.12.11", "2.13.9", "2.14.2", "", "none"])
def test_a_version_with_known_holes_fails(tmp_path: Path, server: Server, version: str) -> None:
    server.info["version"] = version
    [text] = wrong(examined(tmp_path, server))
    assert "known holes" in text


def test_a_server_without_tls_gets_no_signature(tmp_path: Path, server: Server) -> None:
    server.info["tls_required"] = False
    [text] = wrong(examined(tmp_path, server))
    assert "TLS" in text
    assert server.asked == []


def test_a_server_that_lets_anybody_in_fails(tmp_path: Path, server: Server) -> None:
    server.lets_all_in = True
    assert ["anybody" in text for text in wrong(examined(tmp_path, server))] == [True, True]


def test_a_subject_of_others_that_is_allowed_fails(tmp_path: Path, server: Server) -> None:
    server.allowed |= {"SUB ami.v1.ev.berlin.berlin-a", "SUB >", "PUB $JS.API.INFO"}
    texts = wrong(examined(tmp_path, server))
    assert [text.partition(" to ")[2].partition(",")[0] for text in texts] == [
        *("$JS.API.INFO", ">", "ami.v1.ev.berlin.berlin-a"),
    ]


def test_a_subject_of_its_own_that_is_refused_fails(tmp_path: Path, server: Server) -> None:
    server.allowed.clear()
    assert len(wrong(examined(tmp_path, server))) == 2


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-x\r\n", b"INFO {\r\n", b"INFO []\r\n", b"x" * 100_000, b"INFO {}\r\nmore"]
)
def test_a_server_that_does_not_talk_as_nats_fails(tmp_path: Path, server: Server, greeting: bytes) -> None:
    server.greeting = greeting
    found = examined(tmp_path, server)
    assert wrong(found)
    assert "berlin-a" not in str(server.asked)


def test_a_server_that_cannot_be_reached_fails(tmp_path: Path, certificate: ServerCertificate) -> None:
    found = list(engines.examine(config_of(tmp_path, free_port())))
    assert [finding.level for finding in found] == ["fail", "unknown"]


def test_a_certificate_for_another_name_fails(tmp_path: Path) -> None:
    server = Server(ServerCertificate(tmp_path, "nats1.example.org").context())
    try:
        assert any("TLS fails" in text for text in wrong(examined(tmp_path, server)))
    finally:
        server.close()


def test_a_ca_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    [finding] = engines.examine(config_of(tmp_path, 1, ca="ca.pem"))
    assert (finding.level, "fleet.ca" in finding.text) == ("fail", True)


@pytest.mark.parametrize("role", ["agent", "edge"])
def test_no_subject_is_both_needed_and_to_be_refused(tmp_path: Path, role: str) -> None:
    config = config_of(tmp_path, 1, role=role)
    assert config.fleet is not None
    tried = engines.trials(config, config.fleet)
    assert not set(tried.needed) & set(tried.subscribe)
    subjects = Subjects("ami")
    if role == "edge":
        assert subjects.actions("berlin", "berlin-a", "edge1") not in tried.publish
    else:
        assert subjects.events("berlin", "berlin-a") not in tried.publish
    assert all(len(set(one)) == len(one) for one in (tried.publish, tried.subscribe, tried.needed))
    assert list(tried.beats.values()) == (["berlin-a of berlin"] if role == "edge" else [])


_EVENTS: Final = "ami.v1.ev.berlin.berlin-a"
_EDGE: Final = {"SUB _INBOX.edge1.>", f"SUB {_EVENTS}"}


@pytest.fixture
def pair(certificate: ServerCertificate) -> Iterator[list[Server]]:
    """Two engines, as an edge sees them."""
    made = [Server(certificate.context()) for _ in range(2)]
    for server in made:
        server.allowed = set(_EDGE)
        server.published = {_EVENTS}
    yield made
    for server in made:
        server.close()


def of_agents(folder: Path, pair: list[Server]) -> list[DoctorFinding]:
    """The findings behind those of each engine."""
    found = list(engines.examine(config_of(folder, *(server.port for server in pair), role="edge")))
    assert [finding.level for finding in found[:8]] == ["ok"] * 8
    return found[8:]


def test_an_agent_that_is_heard_at_every_engine_is_fine(tmp_path: Path, pair: list[Server]) -> None:
    [finding] = of_agents(tmp_path, pair)
    assert (finding.level, "berlin-a" in finding.text) == ("ok", True)


def test_an_engine_without_the_beats_that_another_has_is_not_connected_to_it(
    tmp_path: Path, pair: list[Server]
) -> None:
    pair[1].published.clear()
    [finding] = of_agents(tmp_path, pair)
    assert finding.level == "fail"
    assert str(pair[1].port) in finding.text
    assert str(pair[0].port) not in finding.text


def test_an_agent_that_is_heard_nowhere_need_not_run_yet(tmp_path: Path, pair: list[Server]) -> None:
    for server in pair:
        server.published.clear()
    [finding] = of_agents(tmp_path, pair)
    assert (finding.level, "berlin-a" in finding.text) == ("warn", True)
