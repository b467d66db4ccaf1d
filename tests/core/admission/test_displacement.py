"""The order in which connections are displaced, compared with a plain search through all of them."""

import random
from collections import Counter

import pytest

from amiproxy.core.admission.displacement import Displacement, fullness
from amiproxy.core.admission.networks import networks_around

Member = tuple[tuple[object, ...], int]


WEIGHTS = (5, 3, 1, 1)


def first_of(members: dict[int, Member]) -> tuple[int, ...] | None:
    """By the definition: fullness of each network, stage, age."""
    sizes: Counter[tuple[object, ...]] = Counter()
    for networks, stage in members.values():
        for depth in range(len(networks)):
            sizes[networks[: depth + 1]] += WEIGHTS[stage]
    ranks = [
        (*(-sizes[networks[: depth + 1]] for depth in range(len(networks))), stage, number)
        for number, (networks, stage) in members.items()
    ]
    return min(ranks, default=None)


def test_a_member_of_the_fullest_network_goes_first_whatever_its_stage():
    crowd = Displacement((1, 1, 1))
    for number in range(10):
        crowd.add(number, networks_around(f"192.0.2.{number}"), stage=2)
    crowd.add(99, networks_around("198.51.100.1"), stage=0)
    rank = crowd.first()
    assert rank is not None
    assert rank[-1] == 0
    assert fullness(rank) == (-10, -10, -10, -1)


def test_within_the_fullest_network_its_fullest_part_goes_first():
    crowd = Displacement((1, 1, 1))
    for number, address in enumerate(
        ["10.0.1.1", "10.0.2.1", "10.0.2.2", "10.0.2.2", "10.9.1.1", "10.9.1.1"]
    ):
        crowd.add(number, networks_around(address), stage=0)
    assert [rank[-1] for rank in thinned(crowd)][:2] == [2, 1], "/16, then /24, then the address"


def test_one_ipv6_site_counts_as_one_network():
    crowd = Displacement((1, 1, 1))
    crowd.add(0, networks_around("2001:db8:ffff::1"), stage=0)
    for number in range(1, 4):
        crowd.add(number, networks_around(f"2001:db8:1:{number * 256:x}::1"), stage=1)
    rank = crowd.first()
    assert rank is not None
    assert rank[-1] == 1


def test_among_equal_networks_the_least_advanced_then_the_oldest_goes():
    crowd = Displacement((1, 1, 1))
    for number in range(6):
        crowd.add(number, networks_around(f"10.{number}.0.1"), stage=1)
    crowd.advance(0, 2)
    crowd.advance(4, 0)
    assert [rank[-1] for rank in thinned(crowd)] == [4, 1, 2, 3, 5, 0]


def test_a_member_weighs_as_much_as_its_stage_says():
    crowd = Displacement((16, 1, 1))
    for number in range(12):
        crowd.add(number, networks_around("192.0.2.1"), stage=1)
    crowd.add(12, networks_around("198.51.100.1"), stage=0)
    assert thinned(crowd)[0][-1] == 12, "one of the lowest stage weighs more than all of the others"


def thinned(crowd: Displacement) -> list[tuple[int, ...]]:
    found = []
    while (rank := crowd.first()) is not None:
        found.append(rank)
        crowd.remove(rank[-1])
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_order_agrees_with_a_search_through_all_members(seed: int):
    chance = random.Random(seed)
    crowd = Displacement(WEIGHTS)
    members: dict[int, Member] = {}
    for number in range(400):
        what = chance.random()
        if what < 0.5 or not members:
            address = f"10.{chance.randrange(3)}.{chance.randrange(3)}.{chance.randrange(3)}"
            members[number] = networks_around(address), chance.randrange(4)
            crowd.add(number, *members[number])
        elif what < 0.75:
            one = chance.choice([*members])
            members[one] = members[one][0], chance.randrange(4)
            crowd.advance(one, members[one][1])
        else:
            one = chance.choice([*members])
            del members[one]
            crowd.remove(one)
            assert one not in crowd
        assert crowd.first() == first_of(members)
        assert len(crowd) == len(members)
    for one in [*members]:
        assert one in crowd
        crowd.remove(one)
    assert crowd.first() is None
    assert not crowd._whole.parts, "nothing is left of networks without members"
