import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.model.acl import AccessList

LAN = ["deny 0.0.0.0/0", "permit 10.0.0.0/8"]


@pytest.mark.parametrize(
    ("lines", "address", "allowed"),
    [
        # Without rules every client is allowed, even one without an address, such as a Unix socket's peer.
        ([], "192.0.2.1", True),
        ([], "2001:db8::1", True),
        ([], "", True),
        # The last line that matches wins.
        (LAN, "10.1.2.3", True),
        (LAN, "192.0.2.1", False),
        (["permit 10.0.0.0/8", "deny 0.0.0.0/0"], "10.1.2.3", False),
        (["deny 10.0.0.0/8"], "10.1.2.3", False),
        (["deny 10.0.0.0/8"], "192.0.2.1", True),
        (["deny 10.0.0.0/8", "permit=10.1.0.0/255.255.0.0"], "10.1.2.3", True),
        (["deny 10.0.0.0/8,192.0.2.0/24", "permit 192.0.2.7"], "192.0.2.7", True),
        (["permit 0.0.0.0/0,!10.0.0.0/8"], "10.1.2.3", False),
        # Rules of one family do not apply to the other ...
        (["deny 10.0.0.0/8"], "2001:db8::1", True),
        (["deny 2001:db8::/32"], "192.0.2.1", True),
        (["deny 2001:db8::/32"], "2001:db8::1", False),
        # ... but denying all of one family denies all of the other.
        (LAN, "2001:db8::1", False),
        (LAN, "::1", False),
        (["deny ::/0"], "192.0.2.1", False),
        (["deny ::/0", "permit ::1"], "::1", True),
        ([*LAN, "permit ::1"], "::1", True),
        (["permit ::1", *LAN], "::1", True),
        # A client without an address matches nothing, so no permit either.
        (["deny 10.0.0.0/8"], "", False),
        (["permit 0.0.0.0/0"], "unix", False),
    ],
)
def test_the_rules_decide_which_addresses_may_log_in(lines: list[str], address: str, allowed: bool) -> None:
    assert AccessList.from_lines(lines).allows(address) is allowed


def test_equal_rules_make_equal_lists() -> None:
    assert AccessList.from_lines(LAN) == AccessList.from_lines(
        ["deny=0.0.0.0/0.0.0.0", "permit = 10.1.1.1/8"]
    )
    assert len({AccessList.from_lines(LAN), AccessList.from_lines(LAN), AccessList()}) == 2
    assert AccessList() != "everybody"


def test_a_line_that_is_not_a_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="expected permit or deny"):
        AccessList.from_lines(["10.0.0.0/8"])


PREFIXES = st.integers(0, 32)
ADDRESSES = st.ip_addresses(v=4)
LINES = st.lists(st.tuples(st.booleans(), ADDRESSES, PREFIXES), max_size=6)


@given(LINES, ADDRESSES)
def test_the_last_matching_rule_decides(
    rules: list[tuple[bool, ipaddress.IPv4Address, int]], peer: ipaddress.IPv4Address
) -> None:
    lines = [f"{'permit' if permits else 'deny'} {address}/{prefix}" for permits, address, prefix in rules]
    # Computed in bits, as Asterisk does it, not with the library that the code uses.
    matching = [
        permits for permits, address, prefix in rules if not (int(address) ^ int(peer)) >> (32 - prefix)
    ]
    assert AccessList.from_lines(lines).allows(str(peer)) is (matching[-1] if matching else True)
