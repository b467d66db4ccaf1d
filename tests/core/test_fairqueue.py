from collections import Counter

from proxy.core.fairqueue import FairQueue
from proxy.core.networks import networks_around


def put(queue: FairQueue[str], address: str, *items: str, rank: int = 0) -> None:
    for item in items:
        queue.put(item, networks_around(address), rank)


def taken(queue: FairQueue[str]) -> list[str]:
    return [queue.take() for _ in range(len(queue))]


def test_networks_take_turns_however_much_each_sends():
    queue: FairQueue[str] = FairQueue(1)
    for number in range(200):
        put(queue, f"10.0.{number % 2}.{number}", f"crowd {number}")
    put(queue, "192.0.2.1", "good 1", "good 2")
    order = taken(queue)
    assert order.index("good 1") == 1
    assert order.index("good 2") == 3
    assert [item for item in order if item.startswith("crowd")][:4] == [
        "crowd 0",
        "crowd 1",
        "crowd 2",
        "crowd 3",
    ], "its parts take turns, too"


def test_one_address_keeps_its_order():
    queue: FairQueue[str] = FairQueue(1)
    put(queue, "192.0.2.1", "a", "b", "c")
    queue.remove("b")
    queue.remove("b")
    assert "b" not in queue
    assert "a" in queue
    assert taken(queue) == ["a", "c"]


def test_ranks_go_before_turns():
    queue: FairQueue[str] = FairQueue(3)
    put(queue, "10.0.0.1", "last 1", "last 2", rank=2)
    put(queue, "10.1.0.1", "middle", rank=1)
    put(queue, "10.2.0.1", "first", rank=0)
    assert taken(queue) == ["first", "middle", "last 1", "last 2"]


def test_what_goes_when_it_is_full_is_the_newest_of_the_fullest_network_of_the_lowest_rank():
    queue: FairQueue[str] = FairQueue(2)
    put(queue, "10.0.0.1", *(f"first {n}" for n in range(9)), rank=0)
    put(queue, "10.1.1.1", "a", rank=1)
    put(queue, "10.2.1.1", "b", "c", rank=1)
    put(queue, "10.2.2.1", "d", rank=1)
    assert queue.last() == "c"
    assert "c" in queue, "it is for the caller to remove it"
    for _ in range(4):
        queue.remove(queue.last())
    assert queue.last() == "first 8"


def test_a_turn_is_not_lost_by_others_that_leave():
    queue: FairQueue[str] = FairQueue(1)
    served: Counter[str] = Counter()
    for number in range(300):
        network = f"10.{number % 3}.0.1"
        put(queue, network, f"{network} {number}")
        if len(queue) > 30:
            served[queue.take().partition(" ")[0]] += 1
    assert max(served.values()) - min(served.values()) <= 1
