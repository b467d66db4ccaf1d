import pytest

from amiproxy.core.admission.networks import NetworkSet, networks_around

NETWORKS = NetworkSet(["127.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.1.2.3", True),
        ("128.0.0.1", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("no address", False),
    ],
)
def test_membership_is_the_same_when_asked_again(address, inside):
    assert (address in NETWORKS) is inside
    assert (address in NETWORKS) is inside


def test_the_cache_of_answers_is_bounded():
    networks = NetworkSet(["10.0.0.0/8"])
    for number in range(5000):
        assert f"10.0.{number >> 8}.{number & 255}" in networks
    assert len(networks._seen) <= 4096


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("192.0.2.1", "192.0.2.1", 4),
        ("192.0.2.1", "192.0.2.2", 3),
        ("192.0.2.1", "192.0.3.1", 2),
        ("192.0.2.1", "192.1.2.1", 1),
        ("192.0.2.1", "193.0.2.1", 0),
        ("2001:db8::1", "2001:db8::ffff", 4),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", 3),
        ("2001:db8:0:100::1", "2001:db8:0:200::1", 2),
        ("2001:db8:1::1", "2001:db8:2::1", 1),
        ("2001:db8::1", "2001:db9::1", 0),
        ("0.0.0.1", "::1", 0),
        ("no address", "no address", 4),
        ("no address", "nor this", 0),
    ],
)
def test_two_addresses_share_networks_up_to_their_common_prefix(one, other, shared):
    pairs = zip(networks_around(one), networks_around(other), strict=True)
    assert [mine == theirs for mine, theirs in pairs] == [True] * shared + [False] * (4 - shared)
