import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.networks import Network, canonical, parse_network, parse_rules
from amiproxy.core.ports import Peer


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("deny 0.0.0.0/0", [(False, "0.0.0.0/0")]),
        ("permit=10.0.0.0/255.0.0.0", [(True, "10.0.0.0/8")]),
        ("deny = 0.0.0.0/0.0.0.0", [(False, "0.0.0.0/0")]),
        ("permit => 192.0.2.7", [(True, "192.0.2.7/32")]),
        ("  PERMIT\t192.0.2.7/24 ", [(True, "192.0.2.0/24")]),
        ("permit ::1", [(True, "::1/128")]),
        ("deny ::/0", [(False, "::/0")]),
        ("permit 10.0.0.0/8, 192.0.2.0/24", [(True, "10.0.0.0/8"), (True, "192.0.2.0/24")]),
        ("permit 10.0.0.0/8,!10.1.0.0/16", [(True, "10.0.0.0/8"), (False, "10.1.0.0/16")]),
        ("deny !10.0.0.0/8", [(True, "10.0.0.0/8")]),
    ],
)
def test_lines_are_parsed_as_in_manager_conf(line: str, rules: list[tuple[bool, str]]) -> None:
    assert [(rule.permits, str(rule.network)) for rule in parse_rules(line)] == rules


@pytest.mark.parametrize(
    "line",
    ["", "deny", "deny ", "allow 10.0.0.0/8", "10.0.0.0/8", "permit10.0.0.0/8", "permit 10.0.0.0/33",
     "permit 10.0.0.0/0.0.0.255", "permit 10.0.0.0/255.0.255.0", "permit example.org", "permit 10.0.0.0/8,",
     "permit ::ffff:10.0.0.0/104", "permit fe80::1%eth0", "permit 10.0.0.0/8 1.2.3.4", "permit ::/0.0.0.0"],
)  # fmt: skip
def test_a_line_that_is_not_a_rule_is_refused_with_a_remedy(line: str) -> None:
    with pytest.raises(Unfit) as error:
        parse_rules(line)
    assert error.value.remedy


def test_a_network_is_normalised() -> None:
    assert Network.from_text(" 10.1.2.3/255.0.0.0 ") == "10.0.0.0/8"
    assert str(parse_network("2001:DB8::/32")) == "2001:db8::/32"


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
