"""Certificate files that are wrong in every way, by what is wrong with them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.certificates import DAY, Forged, forge, forge_crl, install

#: The name for which every certificate here is valid.
NAMES = (x509.DNSName("localhost"),)


class CertificateFolder:
    """server.crt, server.key, clients-ca.crt and clients.crl: good until one of ``BAD_SETS`` is applied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = forge("Server CA", ca=True)
        self.clients_ca = forge("Clients CA", ca=True)
        self.chain, self.key = folder / "server.crt", folder / "server.key"
        self.authorities, self.lists = folder / "clients-ca.crt", folder / "clients.crl"
        self.served = self.leaf()
        self._count = 0
        self.put(self.served)

    def leaf(self, **more: object) -> Forged:
        """A new certificate of the server's CA."""
        return forge("localhost", issuer=more.pop("issuer", self.ca), names=more.pop("names", NAMES), **more)  # type: ignore[arg-type]

    def put(self, leaf: Forged, key: bytes | None = None) -> None:
        """Write all files again, with new certificates."""
        for path in self._all:
            path.unlink(missing_ok=True)
        self._write(self.folder, leaf, key or leaf.key_pem)

    def re_point(self, leaf: Forged) -> None:
        """As certbot does: new files beside the old ones, then one link after the other."""
        self._link(self._write(self._new_folder("archive"), leaf, leaf.key_pem))

    def publish(self, leaf: Forged) -> None:
        """As the kubelet does: a new folder, then the one link through which all others lead."""
        self._turn_to(self._write(self._new_folder(".."), self.served, self.served.key_pem))
        self._link(self.folder / "..data")
        self._turn_to(self._write(self._new_folder(".."), leaf, leaf.key_pem))

    @property
    def _all(self) -> tuple[Path, ...]:
        return self.chain, self.key, self.authorities, self.lists

    def _write(self, folder: Path, leaf: Forged, key: bytes) -> Path:
        chain, _ = install(folder, leaf.pem, key)
        authorities, lists = folder / self.authorities.name, folder / self.lists.name
        authorities.write_bytes(self.clients_ca.pem)
        lists.write_bytes(forge_crl(self.clients_ca))
        for path in (chain, authorities, lists):
            path.chmod(0o644)
        return folder

    def _new_folder(self, prefix: str) -> Path:
        self._count += 1
        return self.folder / f"{prefix}{self._count}"

    def _turn_to(self, folder: Path) -> None:
        new = self.folder / "..data_tmp"
        new.symlink_to(folder.name)
        new.replace(self.folder / "..data")

    def _link(self, folder: Path) -> None:
        for path in self._all:
            new = path.with_suffix(".new")
            new.symlink_to((folder / path.name).relative_to(self.folder))
            new.replace(path)


def _key_of_another(site: CertificateFolder) -> None:
    site.put(site.leaf(), site.leaf().key_pem)


def _new_chain_before_its_key(site: CertificateFolder) -> None:
    site.chain.write_bytes(site.leaf().pem)


def _chain_cut_off(site: CertificateFolder) -> None:
    leaf = site.leaf()
    site.put(leaf)
    site.chain.write_bytes(leaf.pem[: len(leaf.pem) // 2])


def _key_cut_off(site: CertificateFolder) -> None:
    leaf = site.leaf()
    site.put(leaf, leaf.key_pem[:80])


def _chain_empty(site: CertificateFolder) -> None:
    site.chain.write_bytes(b"")


def _not_pem(site: CertificateFolder) -> None:
    site.chain.write_bytes(b"<html>404 Not Found</html>\n")


def _der(site: CertificateFolder) -> None:
    site.chain.write_bytes(site.leaf().der)


def _expired(site: CertificateFolder) -> None:
    now = datetime.now(UTC)
    site.put(site.leaf(not_before=now - 9 * DAY, not_after=now - DAY))


def _not_yet_valid(site: CertificateFolder) -> None:
    site.put(site.leaf(not_before=datetime.now(UTC) + DAY))


def _missing(site: CertificateFolder) -> None:
    site.key.unlink()


def _dangling_link(site: CertificateFolder) -> None:
    site.chain.unlink()
    site.chain.symlink_to(site.folder / "nowhere.crt")


def _unreadable(site: CertificateFolder) -> None:
    site.key.unlink()
    site.key.mkdir()


def _not_permitted(site: CertificateFolder) -> None:
    """For a process that may not read everything: also for root without its capabilities."""
    site.put(site.leaf())
    site.key.chmod(0o000)


def _encrypted_key(site: CertificateFolder) -> None:
    leaf = site.leaf()
    site.put(leaf, leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))


def _key_for_all_to_write(site: CertificateFolder) -> None:
    site.put(site.leaf())
    site.key.chmod(0o666)


def _for_clients(site: CertificateFolder) -> None:
    site.put(site.leaf(usage=ExtendedKeyUsageOID.CLIENT_AUTH))


def _without_names(site: CertificateFolder) -> None:
    site.put(site.leaf(names=()))


def _weak_rsa(site: CertificateFolder) -> None:
    site.put(site.leaf(key=rsa.generate_private_key(public_exponent=65537, key_size=1024)))


def _rare_curve(site: CertificateFolder) -> None:
    site.put(site.leaf(key=ec.generate_private_key(ec.SECP256K1())))


def _signed_by_another(site: CertificateFolder) -> None:
    leaf = site.leaf(signing_key=site.clients_ca.key)
    site.put(leaf)
    site.chain.write_bytes(leaf.pem + site.ca.pem)


def _junk_clients_ca(site: CertificateFolder) -> None:
    site.put(site.leaf())
    site.authorities.write_bytes(b"junk")


def _list_of_another_ca(site: CertificateFolder) -> None:
    site.put(site.leaf())
    site.lists.write_bytes(forge_crl(site.ca))


BAD_SETS: tuple[Callable[[CertificateFolder], None], ...] = (
    _key_of_another,
    _new_chain_before_its_key,
    _chain_cut_off,
    _key_cut_off,
    _chain_empty,
    _not_pem,
    _der,
    _expired,
    _not_yet_valid,
    _missing,
    _dangling_link,
    _unreadable,
    _not_permitted,
    _encrypted_key,
    _key_for_all_to_write,
    _for_clients,
    _without_names,
    _weak_rsa,
    _rare_curve,
    _signed_by_another,
    _junk_clients_ca,
    _list_of_another_ca,
)

#: Of these, the states that a writer at work passes through: the watch gives it time.
HALF_WRITTEN = (
    _key_of_another,
    _new_chain_before_its_key,
    _chain_cut_off,
    _key_cut_off,
    _chain_empty,
    _not_pem,
    _missing,
    _dangling_link,
    _junk_clients_ca,
)
