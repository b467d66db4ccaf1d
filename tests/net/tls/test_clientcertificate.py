"""Clients that present a certificate: their identity, and that they are checked as long as they stay."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from amiproxy.config import Tls
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.net.certs.certstore import CertStore
from amiproxy.x509.facts import facts_of
from amiproxy.x509.identity import Binding, CertificateLogin
from tests.support.certificates import DAY, Forged, forge, forge_crl, install, listener_of, pair_of
from tests.support.house import House
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

ROOT = forge("Clients CA", ca=True)
MIDDLE = forge("Clients CA 2", issuer=ROOT, ca=True)
SERVER = forge("localhost", names=[x509.DNSName("localhost")])
USERS = [
    User("wall", login=CertificateLogin((Binding("cn", "wall"),), "certificate")),
    User("plain", secret="plain:x"),
]
LOGIN = b"Action: Login\r\nUsername: wall\r\n\r\n"


def client(name: str = "wall", issuer: Forged = ROOT, **more: Any) -> Forged:
    return forge(name, issuer=issuer, usage=x509.ExtendedKeyUsageOID.CLIENT_AUTH, **more)


NOW = datetime.now(UTC)
REVOKED = client("revoked")


class Site(House):
    """A house whose listener asks for certificates of these CAs, with or without revocation lists."""

    def __init__(self, directory: Path, authorities: Sequence[Forged], *, lists: bool) -> None:
        self.directory = directory
        install(directory, SERVER.pem, SERVER.key_pem)
        (directory / "ca.crt").write_bytes(b"".join(one.pem for one in authorities))
        self.revoke()
        pair = pair_of(directory / "server.crt", directory / "server.key")
        files = listener_of(
            (pair,), "optional", directory / "ca.crt", directory / "ca.crl" if lists else None
        )
        self.store = CertStore(files, Tls())
        super().__init__(self.store.context, Limits(), *USERS)
        self.objection = self.store.client_objection
        self.listen()

    def revoke(self, *revoked: Forged) -> None:
        lists = forge_crl(ROOT, revoked) + forge_crl(MIDDLE)
        (self.directory / "ca.crl").write_bytes(lists)

    def revoke_now(self, *revoked: Forged) -> None:
        self.revoke(*revoked)
        assert self.store.reload("test").outcome == "swapped"
        self.pool.judge_certificates()

    @asynccontextmanager
    async def peer(self, shown: Sequence[Forged] = ()) -> AsyncIterator[TlsPeer]:
        """After the handshake, with this chain."""
        context = ssl.create_default_context(cadata=SERVER.pem.decode())
        if shown:
            chain = b"".join(one.pem for one in shown)
            context.load_cert_chain(*install(self.directory, chain, shown[0].key_pem, "client"))
        async with TlsPeer.to(self.address, context) as peer:
            await peer.handshake()
            yield peer

    @asynccontextmanager
    async def session(self, shown: Sequence[Forged]) -> AsyncIterator[TlsPeer]:
        """Logged in with it."""
        async with self.peer(shown) as peer:
            assert await peer.record() == self.hub.servers.first.banner
            await peer.send(LOGIN)
            assert b"Authentication accepted" in await peer.record()
            yield peer


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path, [ROOT, MIDDLE], lists=True)
    yield site
    site.close()


async def test_the_session_knows_the_certificate(site: Site) -> None:
    shown = client()
    async with site.session([shown]):
        (session,) = site.hub.sessions
        identity = session.transport.peer.certificate
        assert identity is not None
        assert identity.sha256 == facts_of(shown.certificate).sha256
        assert Binding("cn", "wall") in identity.bindings


async def test_without_a_certificate_the_session_has_none(site: Site) -> None:
    async with site.peer() as peer:
        assert await peer.record() == site.hub.servers.first.banner
        (session,) = site.hub.sessions
        assert session.transport.peer.certificate is None
        site.objection = lambda _: "never asked"
        site.pool.judge_certificates()
        await peer.send(LOGIN)
        assert b"Authentication failed" in await peer.record()


async def test_an_intermediate_sent_by_the_client_counts(tmp_path: Path) -> None:
    site = Site(tmp_path, [ROOT], lists=False)
    async with site.session([client(issuer=MIDDLE), MIDDLE]):
        site.pool.judge_certificates()
        assert len(site.hub.sessions) == 1
    site.close()


@pytest.mark.parametrize(
    "chain", [[client()], [client(issuer=MIDDLE), MIDDLE]], ids=["direct", "by way of another"]
)
async def test_a_certificate_revoked_during_the_session_ends_it(site: Site, chain: list[Forged]) -> None:
    async with site.session(chain) as peer, site.session([client()]) as other:
        site.revoke_now(chain[-1] if len(chain) > 1 else chain[0])
        whose = "client certificate" if len(chain) == 1 else "client certificate's CA"
        told = f"Event: ProxySessionEnd\r\nReason: {whose} revoked\r\n\r\n".encode()
        assert await peer.rest() == told
        await other.send(b"Action: Ping\r\n\r\n")
        assert (await other.record()).startswith(b"Response: "), "the other session stays"


async def test_a_certificate_revoked_before_the_login_closes_the_connection(site: Site) -> None:
    shown = client()
    async with site.peer([shown]) as peer:
        assert await peer.record() == site.hub.servers.first.banner
        site.revoke_now(shown)
        assert await peer.rest() == b""


async def test_an_objection_refuses_a_certificate_that_openssl_accepts(site: Site) -> None:
    site.objection = lambda _: "client certificate revoked"
    async with site.peer([client()]) as peer:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await peer.record()
    assert site.pool.handshake_failures == {"client certificate revoked": 1}
    assert site.hub.sessions == []


@pytest.mark.parametrize(
    ("shown", "due", "reason"),
    [
        (REVOKED, 30, "certificate revoked"),
        (client(), -1, "crl has expired"),
        (client(not_before=NOW - 9 * DAY, not_after=NOW - DAY), 30, "certificate has expired"),
        (client(issuer=forge("Stranger", ca=True)), 30, "unable to get local issuer certificate"),
    ],
    ids=["revoked", "list over", "expired", "of a stranger"],
)
async def test_openssls_reason_for_a_refusal_is_counted(
    site: Site, shown: Forged, due: float, reason: str
) -> None:
    (site.directory / "ca.crl").write_bytes(
        forge_crl(ROOT, [REVOKED], next_update=NOW + due * DAY) + forge_crl(MIDDLE)
    )
    site.store.reload("test")
    site.context = site.store.context
    async with site.peer([shown]) as peer:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await peer.record()
    assert site.pool.handshake_failures == {f"certificate verify failed: {reason}": 1}


async def test_all_sessions_are_checked_however_many_there_are(site: Site) -> None:
    count = 11
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(site.peer([client()]))
        await until(lambda: len(site.hub.sessions) == count, "all sessions")
        judged: list[Sequence[bytes]] = []
        site.objection = judged.append
        site.pool.judge_certificates()
        site.pool.judge_certificates()  # a check in progress is started again, not done twice
        await until(lambda: len(set(judged)) == count, "all to be judged")


async def test_sessions_are_checked_again_after_a_minute(site: Site) -> None:
    async with site.session([client()]) as peer:
        (session,) = site.hub.sessions
        now = site.hub.scheduler.now()
        site.pool.tick(now)
        site.objection = lambda _: "client certificate expired"
        site.pool.tick(now + 59)
        assert session in site.hub.sessions
        site.pool.tick(now + 61)
        assert b"Reason: client certificate expired" in await peer.rest()
