"""A client certificate is judged again as long as its session lasts."""

from datetime import UTC, datetime

import pytest

from amiproxy.x509.pem import load_revocation_lists
from amiproxy.x509.trust import TrustStore
from tests.support import fixed_certificates as fixed
from tests.support.certificates import DAY, Forged, forge, forge_crl

NOW = datetime.now(UTC)
ROOT = forge("Root", ca=True)
MIDDLE = forge("Middle", issuer=ROOT, ca=True)
CLIENT = forge("client", issuer=ROOT)
DEEP = forge("deep", issuer=MIDDLE)


def store(*authorities: Forged, crl: bytes | None = None) -> TrustStore:
    lists = tuple(load_revocation_lists(crl, "x")) if crl else ()
    return TrustStore(tuple(item.certificate for item in authorities), lists)


@pytest.mark.parametrize(
    ("trust", "chain", "objection"),
    [
        (store(ROOT), [CLIENT], None),
        (store(ROOT), [DEEP, MIDDLE], None),
        (store(ROOT, MIDDLE), [DEEP], None),
        (store(MIDDLE), [DEEP], None),
        (store(ROOT), [DEEP], "client certificate not trusted"),
        (
            store(forge("Root", ca=True)),
            [CLIENT],
            "client certificate not trusted",
        ),
        (store(ROOT, crl=forge_crl(ROOT, [CLIENT])), [CLIENT], "client certificate revoked"),
        (store(ROOT, crl=forge_crl(ROOT, [MIDDLE])), [DEEP, MIDDLE], "client certificate's CA revoked"),
        (store(ROOT, crl=forge_crl(ROOT, [DEEP])), [CLIENT], None),
        (
            store(ROOT),
            [forge("old", issuer=ROOT, not_before=NOW - 9 * DAY, not_after=NOW - DAY)],
            "client certificate expired",
        ),
    ],
)
def test_objection(trust: TrustStore, chain: list[Forged], objection: str | None) -> None:
    assert trust.objection([item.der for item in chain], NOW) == objection


_FIXED = TrustStore((fixed.AUTHORITY,))


def test_what_is_good_is_good() -> None:
    assert _FIXED.objection([fixed.der(fixed.CLIENT)], fixed.NOW) is None
    assert _FIXED.objection([fixed.der(fixed.DEEP), fixed.der(fixed.MIDDLE)], fixed.NOW) is None


@pytest.mark.parametrize("raw", fixed.unreadable(fixed.CLIENT).values(), ids=fixed.unreadable(fixed.CLIENT))
def test_what_cannot_be_read_is_an_objection(raw: bytes) -> None:
    assert _FIXED.objection([raw], fixed.NOW) is not None


@pytest.mark.parametrize("raw", fixed.unreadable(fixed.MIDDLE).values(), ids=fixed.unreadable(fixed.MIDDLE))
def test_so_it_is_where_the_client_sent_it_along_and_nothing_beside_it(raw: bytes) -> None:
    deep, middle = fixed.der(fixed.DEEP), fixed.der(fixed.MIDDLE)
    assert _FIXED.objection([deep, raw], fixed.NOW) is not None
    assert _FIXED.objection([deep, raw, middle], fixed.NOW) is None


def test_time_passes() -> None:
    assert store(ROOT).objection([CLIENT.der], NOW + 91 * DAY) == "client certificate expired"
    assert store(ROOT).objection([CLIENT.der], NOW - 9 * DAY) == "client certificate not yet valid"
    short = forge("Short", ca=True, not_after=NOW + DAY)
    trust, lasting = store(short), forge("client", issuer=short)
    assert trust.objection([lasting.der], NOW) is None
    assert trust.objection([lasting.der], NOW + 2 * DAY) == "client certificate's CA expired"


def test_same_serial_of_another_ca_is_not_revoked() -> None:
    other = forge("Other", ca=True)
    trust = store(ROOT, other, crl=forge_crl(other, [CLIENT]))
    assert trust.objection([CLIENT.der], NOW) is None


def test_nothing_and_junk() -> None:
    assert store(ROOT).objection([], NOW) == "no client certificate"
    assert store(ROOT).objection([b"junk"], NOW) == "client certificate cannot be read"


def test_issuer_without_the_right_to_issue() -> None:
    fake = forge("Fake", issuer=ROOT)
    leaf = forge("leaf", issuer=fake)
    assert store(ROOT).objection([leaf.der, fake.der], NOW) == "client certificate not trusted"


def test_endless_chain_is_given_up() -> None:
    chain = [forge("0", ca=True)]
    for number in range(1, 12):
        chain.insert(0, forge(str(number), issuer=chain[0], ca=True))
    assert (
        store(chain[-1]).objection([item.der for item in chain], NOW) == "client certificate chain too long"
    )


class TestRenewedAuthority:
    """The same name and key with another end; the old one is still in the file, before it or after it."""

    old = forge("Renewed", ca=True, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    new = forge("Renewed", ca=True, key=old.key)
    client = forge("client", issuer=new)

    @pytest.mark.parametrize("order", [(old, new), (new, old)])
    def test_its_clients_are_good(self, order: tuple[Forged, Forged]) -> None:
        assert store(*order).objection([self.client.der], NOW) is None

    def test_an_old_one_that_the_client_sends_is_no_obstacle(self) -> None:
        assert store(self.new).objection([self.client.der, self.old.der], NOW) is None

    def test_both_over(self) -> None:
        trust = store(self.old, self.new)
        lasting = forge("client", issuer=self.new, not_after=NOW + 200 * DAY)
        assert trust.objection([lasting.der], NOW + 100 * DAY) == "client certificate's CA expired"

    def test_an_intermediate_renewed_beneath_another_root(self) -> None:
        stranger = forge("Stranger", ca=True)
        crossed = forge("Middle", issuer=stranger, ca=True, key=MIDDLE.key)
        chain = [DEEP.der, crossed.der, MIDDLE.der]
        assert store(ROOT).objection(chain, NOW) is None
        assert store(forge("Root", ca=True)).objection(chain, NOW) == "client certificate not trusted"


class TestEndings:
    def test_each_ca_and_its_list(self) -> None:
        other = forge("Other", ca=True, not_after=NOW + 200 * DAY)
        trust = store(ROOT, other, crl=forge_crl(ROOT, next_update=NOW + 3 * DAY))
        assert [(one.kind, one.name, round((one.at - NOW) / DAY)) for one in trust.endings()] == [
            ("client-ca", "CN=Root", 90),
            ("revocation-list", "CN=Root", 3),
            ("client-ca", "CN=Other", 200),
        ]

    def test_the_newest_of_the_same_counts(self) -> None:
        renewed = forge("Root", ca=True, key=ROOT.key, not_after=NOW + 400 * DAY)
        rekeyed = forge("Root", ca=True, not_after=NOW + 300 * DAY)
        crl = forge_crl(ROOT, next_update=NOW + 3 * DAY) + forge_crl(ROOT, next_update=NOW + 2 * DAY)
        trust = store(ROOT, renewed, rekeyed, crl=crl)
        assert [(one.kind, round((one.at - NOW) / DAY)) for one in trust.endings()] == [
            ("client-ca", 400),
            ("revocation-list", 3),
            ("client-ca", 300),
        ]
