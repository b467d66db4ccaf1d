"""Several access lists become one, which permits the same peers."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.model.acl import AccessList
from amiproxy.tools.importers.accesslists import closes_one_family, in_common

_PEERS = ("10.0.0.1", "10.1.2.3", "10.1.2.9", "192.0.2.7", "2001:db8::1", "2001:db8:1::5", "::1")
_NETWORKS = ("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.0/24", "::/0", "2001:db8::/32")
_lines = st.lists(
    st.tuples(st.sampled_from(["permit", "deny"]), st.sampled_from(_NETWORKS)).map(" ".join), max_size=5
)


@given(st.lists(_lines, max_size=3))
def test_the_combined_list_permits_exactly_the_peers_that_all_lists_permit(lists: list[list[str]]) -> None:
    one = AccessList.from_lines(in_common(lists))
    for peer in _PEERS:
        assert one.allows(peer) == all(AccessList.from_lines(lines).allows(peer) for lines in lists), peer


def test_a_single_list_is_kept_as_written() -> None:
    lines = ["deny 0.0.0.0/0.0.0.0", "permit 10.0.0.0/255.0.0.0"]
    assert in_common([lines, []]) == lines
    assert in_common([]) == []


@pytest.mark.parametrize(
    ("lines", "closes"),
    [
        (["deny 0.0.0.0/0"], True),
        (["deny ::/0"], True),
        (["deny 0.0.0.0/0", "permit ::1"], True),
        (["deny 0.0.0.0/0", "deny ::/0"], False),
        (["deny 10.0.0.0/8"], False),
        ([], False),
    ],
)
def test_a_family_denied_by_omission_is_found(lines: list[str], closes: bool) -> None:
    assert closes_one_family(lines) is closes


def test_every_peer_is_in_one_of_the_networks() -> None:
    assert all(
        any(ipaddress.ip_address(peer) in ipaddress.ip_network(n) for n in _NETWORKS) for peer in _PEERS
    )
