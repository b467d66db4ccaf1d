import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.model.addresses import canonical
from amiproxy.core.ports import Peer


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.7%eth0", "192.0.2.7"),
        ("::1", "::1"),
        ("/run/socket", "/run/socket"),
        ("no%address", "no%address"),
        ("", ""),
    ],
)
def test_each_address_has_one_text(address: str, text: str) -> None:
    assert canonical(address) == text


def test_a_peer_has_canonical_addresses() -> None:
    peer = Peer.at("::ffff:192.0.2.7", 40000, "fe80::1%eth0", 5039)
    assert peer == ("192.0.2.7", 40000, "fe80::1", 5039, "", None)
    assert Peer.at("192.0.2.7", 1) == Peer("192.0.2.7", 1)


@given(st.ip_addresses().map(str))
def test_the_canonical_text_stays_the_same(address: str) -> None:
    assert canonical(canonical(address)) == canonical(address)
