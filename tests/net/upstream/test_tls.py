"""The link by TLS: the server is verified by chain and name, the files are read for each attempt."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from amiproxy.ami import privilege
from amiproxy.config.schema import UpstreamSettings, UpstreamTls
from amiproxy.core.model.users import User
from amiproxy.net.upstream.errors import LinkError
from amiproxy.net.upstream.link import LinkState
from amiproxy.net.upstream.sidelink import SideLink
from amiproxy.net.upstream.tls import LinkTls, link_context
from amiproxy.tools.simulator import Settings, Simulator
from amiproxy.tools.simulator import User as SimulatedUser
from amiproxy.tools.simulator.calls.storm import read_storm_event
from tests.net.upstream.test_link import FAST, IMPATIENT, SECRET, linked, up
from tests.net.upstream.test_sidelink import COMMAND, Requester
from tests.support.core_doubles import ListTransport
from tests.support.servercert import ServerCertificate
from tests.support.waiting import until

BOTH_LOOPS = True


@pytest.fixture
def certificate(tmp_path: Path) -> ServerCertificate:
    return ServerCertificate(tmp_path)


def settings(port: int, certificate: ServerCertificate, **tls: object) -> UpstreamSettings:
    return UpstreamSettings(
        host="127.0.0.1",
        port=port,
        username="proxy",
        secret_file=Path("unused"),
        tls=UpstreamTls(ca=certificate.ca_file, **tls),
    )


@asynccontextmanager
async def secured(context: ssl.SSLContext) -> AsyncIterator[Simulator]:
    """A simulated Asterisk on a TLS port."""
    simulator = Simulator([SimulatedUser("proxy", SECRET)], Settings(login_delay=0.0))
    await simulator.start(tls=context)
    try:
        yield simulator
    finally:
        await simulator.stop()


# -- logging in ------------------------------------------------------------


async def test_it_logs_in_and_the_secret_is_not_in_plain_text_on_the_wire(
    certificate: ServerCertificate,
) -> None:
    async with (
        secured(certificate.context()) as simulator,
        linked(settings(simulator.port, certificate)) as (link, hub),
    ):
        await up(link)
        await until(lambda: hub.servers.first.actions.table.live, "what Asterisk can do")
        # A verified server may have only a hash of the secret, so it is sent as it is, inside TLS.
        assert any(f"Secret: {SECRET}\r\n".encode() in raw for raw in simulator.received)
        assert not any(b"Challenge" in raw for raw in simulator.received)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_name_is_that_of_the_host_unless_another_is_set(tmp_path: Path, host: str) -> None:
    certificate = ServerCertificate(tmp_path, host)
    async with secured(certificate.context()) as simulator:
        to = settings(simulator.port, certificate)
        named = UpstreamSettings(
            host=host, port=to.port, username="proxy", secret_file=to.secret_file, tls=to.tls
        )
        async with linked(named) as (link, _):
            await up(link)
    other = ServerCertificate(tmp_path, "pbx.example.org")
    async with (
        secured(other.context()) as simulator,
        linked(settings(simulator.port, other, name="pbx.example.org")) as (link, _),
    ):
        await up(link)


async def test_events_and_answers_keep_their_order_and_are_whole(certificate: ServerCertificate) -> None:
    reader = User(
        name="anna", secret="plain:s", read=privilege.ALL, write=privilege.ALL
    )  # fmt: skip
    async with (
        secured(certificate.context()) as simulator,
        linked(settings(simulator.port, certificate), users=[reader], interval=0.01) as (link, hub),
    ):
        await up(link)
        transport = ListTransport()
        session = hub.attach(transport)
        session.receive(b"Action: Login\r\nUsername: anna\r\nSecret: s\r\n\r\n")
        await simulator.storm(20_000, 5_000)
        session.receive(b"Action: CoreShowChannels\r\nActionID: last\r\n\r\n")

        def numbers() -> list[int]:
            messages = b"".join(transport.sent).split(b"\r\n\r\n")
            return [found[0] for raw in messages if (found := read_storm_event(raw + b"\r\n\r\n"))]

        await until(lambda: len(numbers()) >= 5_000, lambda: len(numbers()))
        assert numbers() == list(range(5_000))
        await until(lambda: b"ActionID: last\r\n" in b"".join(transport.sent))


async def test_a_side_link_uses_tls_too(certificate: ServerCertificate) -> None:
    async with (
        secured(certificate.context()) as simulator,
        linked(settings(simulator.port, certificate)) as (link, hub),
    ):
        await up(link)
        await until(lambda: hub.servers.first.exchange.connected)
        side = SideLink(hub.servers.first.side, settings(simulator.port, certificate), SECRET.encode())
        running = asyncio.get_running_loop().create_task(side.run())
        requester = Requester()
        hub.servers.first.side.submit(requester, COMMAND)
        await until(lambda: requester.done, "an answer")
        assert hub.servers.first.side.standing == "up"
        running.cancel()


async def test_a_server_that_ends_the_connection_in_good_order_is_lost_at_once(
    certificate: ServerCertificate,
) -> None:
    async with (
        secured(certificate.context()) as simulator,
        linked(settings(simulator.port, certificate)) as (link, hub),
    ):
        await up(link)
        for session in list(simulator.sessions):
            session.close()
        await until(lambda: hub.servers.first.ups == 2)
        assert hub.servers.first.downs == 1


async def test_a_refused_login_is_reported(certificate: ServerCertificate) -> None:
    async with (
        secured(certificate.context()) as simulator,
        linked(settings(simulator.port, certificate), secret="wrong") as (link, _),
    ):
        await until(lambda: link.state is LinkState.REJECTED)
        assert "Asterisk refused user 'proxy'" in link.reason


# -- client certificates ---------------------------------------------------


async def test_it_presents_its_certificate(certificate: ServerCertificate) -> None:
    own = {"chain": certificate.chain, "key": certificate.key}
    async with (
        secured(certificate.context(asks=True)) as simulator,
        linked(settings(simulator.port, certificate, **own)) as (link, _),
    ):
        await up(link)


async def test_a_server_that_requires_a_certificate_is_named_as_such(certificate: ServerCertificate) -> None:
    async with (
        secured(certificate.context(asks=True)) as simulator,
        linked(settings(simulator.port, certificate)) as (link, _),
    ):
        await until(lambda: link.state is LinkState.DOWN)
        assert "tls.chain" in link.reason
        assert not simulator.received


# -- servers that cannot be trusted ----------------------------------------


async def reason_for(context: ssl.SSLContext, to: ServerCertificate, **tls: object) -> str:
    """Why the link is down; nothing may have been sent to the server."""
    async with (
        secured(context) as simulator,
        linked(settings(simulator.port, to, **tls), limits=FAST) as (link, _),
    ):
        await until(lambda: link.state is LinkState.DOWN)
        assert not simulator.received
        return link.reason


async def test_another_ca_is_refused(certificate: ServerCertificate, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = ServerCertificate(tmp_path / "other")
    assert "tls.ca" in await reason_for(other.context(), certificate)


async def test_another_name_is_refused(certificate: ServerCertificate) -> None:
    reason = await reason_for(certificate.context(), certificate, name="pbx.example.org")
    assert "not valid for pbx.example.org" in reason
    assert "tls.name" in reason


async def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    expired = ServerCertificate(tmp_path, expired=True)
    assert "certificate has expired" in await reason_for(expired.context(), expired)


async def test_a_server_without_tls_is_named_as_such(certificate: ServerCertificate) -> None:
    async with Simulator([SimulatedUser("proxy", SECRET)]) as simulator:
        async with linked(settings(simulator.port, certificate)) as (link, _):
            await until(lambda: link.state is LinkState.DOWN)
            assert "does not speak TLS" in link.reason
        assert SECRET.encode() not in b"".join(simulator.received)


async def test_a_server_that_does_not_answer_the_handshake_is_given_up(
    certificate: ServerCertificate,
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with linked(settings(port, certificate), limits=IMPATIENT) as (link, _):
            await until(lambda: link.state is LinkState.DOWN)
            assert link.reason == "no answer in time"


# -- files -----------------------------------------------------------------


async def test_replaced_files_are_used_by_the_next_attempt(
    certificate: ServerCertificate, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = ServerCertificate(tmp_path / "other")
    async with (
        secured(other.context()) as simulator,
        linked(settings(simulator.port, certificate)) as (link, _),
    ):
        await until(lambda: link.state is LinkState.DOWN)
        other.ca.cert_pem.write_to_path(str(certificate.ca_file))
        await up(link)


def refusal_of(certificate: ServerCertificate, **tls: object) -> str:
    chosen = settings(1, certificate, **tls).tls
    assert chosen is not None
    with pytest.raises(LinkError) as caught:
        link_context(chosen)
    return str(caught.value)


def test_an_unusable_ca_file_is_named(certificate: ServerCertificate) -> None:
    certificate.ca_file.write_text("no certificate")
    assert refusal_of(certificate).startswith(f"tls.ca: {certificate.ca_file}")
    certificate.ca_file.unlink()
    assert str(certificate.ca_file) in refusal_of(certificate)


def test_an_unusable_client_certificate_is_named(certificate: ServerCertificate, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = ServerCertificate(tmp_path / "other")
    own = {"chain": certificate.chain, "key": certificate.key}
    certificate.key.chmod(0o644)
    assert f"chmod 0640 {certificate.key}" in refusal_of(certificate, **own)
    certificate.key.chmod(0o600)
    certificate.key.write_bytes(other.key.read_bytes())
    assert refusal_of(certificate, **own).startswith(f"tls.chain: {certificate.chain}")
    certificate.key.unlink()
    assert refusal_of(certificate, **own).startswith(f"tls.key: {certificate.key}")


def test_a_certificate_and_its_key_may_be_in_one_file(certificate: ServerCertificate) -> None:
    certificate.chain.write_bytes(certificate.chain.read_bytes() + certificate.key.read_bytes())
    chosen = settings(1, certificate, chain=certificate.chain).tls
    assert chosen is not None
    link_context(chosen)


def test_a_name_that_cannot_be_verified_is_refused(certificate: ServerCertificate) -> None:
    chosen = settings(1, certificate).tls
    assert chosen is not None
    with pytest.raises(LinkError, match=r"tls\.name"):
        LinkTls(link_context(chosen), ".example..org")


def test_old_versions_are_not_offered(certificate: ServerCertificate) -> None:
    chosen = settings(1, certificate).tls
    assert chosen is not None
    assert link_context(chosen).minimum_version is ssl.TLSVersion.TLSv1_2
