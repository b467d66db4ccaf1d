import ssl
from pathlib import Path

import pytest
from cryptography import x509

from amiproxy.config import ListenerSettings, Tls
from amiproxy.net.certs.certstore import CertStore
from tests.net.certs.storing import NOW
from tests.support.certificates import DAY, Forged, forge, forge_crl, install, listener_of, pair_of


class TestClientAuth:
    ca = forge("Clients CA", ca=True)

    @pytest.fixture
    def files(self, tmp_path: Path) -> ListenerSettings:
        leaf = forge()
        install(tmp_path, leaf.pem, leaf.key_pem)
        (tmp_path / "ca.crt").write_bytes(self.ca.pem)
        (tmp_path / "ca.crl").write_bytes(forge_crl(self.ca))
        return listener_of(
            (pair_of(tmp_path / "server.crt", tmp_path / "server.key"),),
            "required",
            tmp_path / "ca.crt",
            tmp_path / "ca.crl",
        )

    def connect(self, store: CertStore, client: Forged | None, directory: Path) -> str | None:
        """None if the server accepted the client, otherwise OpenSSL's reason."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if client is not None:
            context.load_cert_chain(*install(directory / "client", client.pem, client.key_pem, "client"))
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = context.wrap_bio(to_client, to_server)
        far = store.context.wrap_bio(to_server, to_client, server_side=True)
        for side in (near, far, near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return error.reason
        assert far.version() == "TLSv1.3"
        return None

    def client(self, issuer: Forged | None = None) -> Forged:
        return forge("client", issuer=issuer or self.ca, usage=x509.ExtendedKeyUsageOID.CLIENT_AUTH)

    def test_required_refuses_clients_without_a_valid_certificate(
        self, files: ListenerSettings, tmp_path: Path
    ) -> None:
        store = CertStore(files, Tls())
        assert self.connect(store, self.client(), tmp_path) is None
        assert self.connect(store, None, tmp_path) == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
        stranger = self.client(forge("Stranger", ca=True))
        assert self.connect(store, stranger, tmp_path) == "CERTIFICATE_VERIFY_FAILED"
        assert self.connect(store, forge(issuer=self.ca), tmp_path) == "CERTIFICATE_VERIFY_FAILED", (
            "a server's"
        )

    def test_optional_accepts_clients_without_a_certificate(
        self, files: ListenerSettings, tmp_path: Path
    ) -> None:
        optional = listener_of(files.certificates, "optional", files.client_ca, files.client_crl)
        store = CertStore(optional, Tls())
        assert self.connect(store, None, tmp_path) is None
        assert self.connect(store, self.client(), tmp_path) is None
        assert self.connect(store, self.client(forge("S", ca=True)), tmp_path) == "CERTIFICATE_VERIFY_FAILED"

    def test_new_revocation_list_is_a_reload(self, files: ListenerSettings, tmp_path: Path) -> None:
        client, store = self.client(), CertStore(files, Tls())
        assert self.connect(store, client, tmp_path) is None
        assert store.client_objection([client.der]) is None
        (tmp_path / "ca.crl").write_bytes(forge_crl(self.ca, [client]))
        assert store.reload("watch").outcome == "swapped"
        assert self.connect(store, client, tmp_path) == "CERTIFICATE_VERIFY_FAILED"
        assert store.client_objection([client.der]) == "client certificate revoked"

    def test_new_ca_and_its_revocation_list_change_together(
        self, files: ListenerSettings, tmp_path: Path
    ) -> None:
        client, store = self.client(), CertStore(files, Tls())
        other = forge("Other CA", ca=True)
        (tmp_path / "ca.crt").write_bytes(other.pem)
        assert store.reload("watch").outcome == "failed", "its revocation list is still the old CA's"
        assert self.connect(store, client, tmp_path) is None
        (tmp_path / "ca.crl").write_bytes(forge_crl(other))
        assert store.reload("watch").outcome == "swapped"
        assert self.connect(store, client, tmp_path) == "CERTIFICATE_VERIFY_FAILED"
        assert store.client_objection([client.der]) == "client certificate not trusted"
        assert self.connect(store, self.client(other), tmp_path) is None

    def test_renewed_ca_works_beside_its_expired_certificate(
        self, files: ListenerSettings, tmp_path: Path
    ) -> None:
        old = forge("Clients CA", ca=True, key=self.ca.key, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
        (tmp_path / "ca.crt").write_bytes(old.pem + self.ca.pem)
        client, store = self.client(), CertStore(files, Tls())
        assert self.connect(store, client, tmp_path) is None
        assert store.client_objection([client.der]) is None

    def test_bad_ca_keeps_the_pair_old_too(self, files: ListenerSettings, tmp_path: Path) -> None:
        store, before = CertStore(files, Tls()), shown_to_anyone(files)
        leaf = forge()
        install(tmp_path, leaf.pem, leaf.key_pem)
        (tmp_path / "ca.crt").write_bytes(b"junk")
        result = store.reload("watch")
        assert (result.outcome, result.generation) == ("failed", 1)
        assert store.current.pairs[0].leaf == before

    @pytest.mark.parametrize(("rule", "reason"), [("refuse", "CERTIFICATE_VERIFY_FAILED"), ("accept", None)])
    def test_expired_revocation_list_follows_its_rule(
        self, files: ListenerSettings, tmp_path: Path, rule: str, reason: str | None
    ) -> None:
        client = self.client()
        (tmp_path / "ca.crl").write_bytes(forge_crl(self.ca, [client], next_update=NOW - DAY))
        store = CertStore(files, Tls(expired_crl=rule))  # type: ignore[arg-type]
        assert "crl-expired" in [finding.code for finding in store.last_result.findings]
        assert self.connect(store, self.client(), tmp_path) == reason
        assert store.client_objection([client.der]) == "client certificate revoked"


def shown_to_anyone(files: ListenerSettings) -> bytes:
    return ssl.PEM_cert_to_DER_cert(files.certificates[0].chain.read_text())
