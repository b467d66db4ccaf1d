"""A client certificate is checked again as long as its session lasts."""

from datetime import UTC, datetime

import pytest

from amiproxy.x509.pem import load_revocation_lists
from amiproxy.x509.validating.trust import TrustStore
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
def test_a_chain_is_accepted_or_objected_to(
    trust: TrustStore, chain: list[Forged], objection: str | None
) -> None:
    assert trust.objection([item.der for item in chain], NOW) == objection


_FIXED = TrustStore((fixed.AUTHORITY,))


def test_a_valid_chain_is_accepted() -> None:
    assert _FIXED.objection([fixed.der(fixed.CLIENT)], fixed.NOW) is None
    assert _FIXED.objection([fixed.der(fixed.DEEP), fixed.der(fixed.MIDDLE)], fixed.NOW) is None


@pytest.mark.parametrize("raw", fixed.unreadable(fixed.CLIENT).values(), ids=fixed.unreadable(fixed.CLIENT))
def test_an_unreadable_certificate_is_objected_to(raw: bytes) -> None:
    assert _FIXED.objection([raw], fixed.NOW) is not None


@pytest.mark.parametrize("raw", fixed.unreadable(fixed.MIDDLE).values(), ids=fixed.unreadable(fixed.MIDDLE))
def test_an_unreadable_intermediate_is_objected_to_only_where_it_is_needed(raw: bytes) -> None:
    deep, middle = fixed.der(fixed.DEEP), fixed.der(fixed.MIDDLE)
    assert _FIXED.objection([deep, raw], fixed.NOW) is not None
    assert _FIXED.objection([deep, raw, middle], fixed.NOW) is None


def test_an_objection_depends_on_the_time() -> None:
    assert store(ROOT).objection([CLIENT.der], NOW + 91 * DAY) == "client certificate expired"
    assert store(ROOT).objection([CLIENT.der], NOW - 9 * DAY) == "client certificate not yet valid"
    short = forge("Short", ca=True, not_after=NOW + DAY)
    trust, lasting = store(short), forge("client", issuer=short)
    assert trust.objection([lasting.der], NOW) is None
    assert trust.objection([lasting.der], NOW + 2 * DAY) == "client certificate's CA expired"


def test_the_same_serial_of_another_ca_is_not_revoked() -> None:
    other = forge("Other", ca=True)
    trust = store(ROOT, other, crl=forge_crl(other, [CLIENT]))
    assert trust.objection([CLIENT.der], NOW) is None


def test_a_missing_or_unreadable_certificate_is_objected_to() -> None:
    assert store(ROOT).objection([], NOW) == "no client certificate"
    assert store(ROOT).objection([b"junk"], NOW) == "client certificate cannot be read"


def test_an_issuer_without_the_right_to_issue_is_not_trusted() -> None:
    fake = forge("Fake", issuer=ROOT)
    leaf = forge("leaf", issuer=fake)
    assert store(ROOT).objection([leaf.der, fake.der], NOW) == "client certificate not trusted"


def test_a_chain_too_long_is_given_up() -> None:
    chain = [forge("0", ca=True)]
    for number in range(1, 12):
        chain.insert(0, forge(str(number), issuer=chain[0], ca=True))
    assert (
        store(chain[-1]).objection([item.der for item in chain], NOW) == "client certificate chain too long"
    )


class TestRenewedCa:
    """The same name and key with another end; the old one is still in the file, before or after the new."""

    old = forge("Renewed", ca=True, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    new = forge("Renewed", ca=True, key=old.key)
    client = forge("client", issuer=new)

    @pytest.mark.parametrize("order", [(old, new), (new, old)])
    def test_clients_of_a_renewed_ca_are_accepted(self, order: tuple[Forged, Forged]) -> None:
        assert store(*order).objection([self.client.der], NOW) is None

    def test_an_old_ca_sent_by_the_client_does_not_disturb(self) -> None:
        assert store(self.new).objection([self.client.der, self.old.der], NOW) is None

    def test_two_expired_cas_are_objected_to(self) -> None:
        trust = store(self.old, self.new)
        lasting = forge("client", issuer=self.new, not_after=NOW + 200 * DAY)
        assert trust.objection([lasting.der], NOW + 100 * DAY) == "client certificate's CA expired"

    def test_an_intermediate_cross_signed_by_another_root_does_not_disturb(self) -> None:
        stranger = forge("Stranger", ca=True)
        crossed = forge("Middle", issuer=stranger, ca=True, key=MIDDLE.key)
        chain = [DEEP.der, crossed.der, MIDDLE.der]
        assert store(ROOT).objection(chain, NOW) is None
        assert store(forge("Root", ca=True)).objection(chain, NOW) == "client certificate not trusted"


class TestEndings:
    def test_each_ca_and_its_revocation_list_has_an_end(self) -> None:
        other = forge("Other", ca=True, not_after=NOW + 200 * DAY)
        trust = store(ROOT, other, crl=forge_crl(ROOT, next_update=NOW + 3 * DAY))
        assert [(one.kind, one.name, round((one.at - NOW) / DAY)) for one in trust.endings()] == [
            ("client-ca", "CN=Root", 90),
            ("revocation-list", "CN=Root", 3),
            ("client-ca", "CN=Other", 200),
        ]

    def test_the_newest_of_equal_cas_counts(self) -> None:
        renewed = forge("Root", ca=True, key=ROOT.key, not_after=NOW + 400 * DAY)
        rekeyed = forge("Root", ca=True, not_after=NOW + 300 * DAY)
        crl = forge_crl(ROOT, next_update=NOW + 3 * DAY) + forge_crl(ROOT, next_update=NOW + 2 * DAY)
        trust = store(ROOT, renewed, rekeyed, crl=crl)
        assert [(one.kind, round((one.at - NOW) / DAY)) for one in trust.endings()] == [
            ("client-ca", 400),
            ("revocation-list", 3),
            ("client-ca", 300),
        ]
