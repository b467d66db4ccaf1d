import pytest

from proxy.core.networks import NetworkSet

NETWORKS = NetworkSet(["127.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.1.2.3", True),
        ("128.0.0.1", False),
        ("2001:db8::1%eth0", True),
        ("2001:db9::1", False),
        ("no address", False),
    ],
)
def test_membership_asked_twice(address, inside):
    assert (address in NETWORKS) is inside
    assert (address in NETWORKS) is inside


def test_the_memory_of_answers_is_bounded():
    networks = NetworkSet(["10.0.0.0/8"])
    for number in range(5000):
        assert f"10.0.{number >> 8}.{number & 255}" in networks
    assert len(networks._seen) <= 4096
