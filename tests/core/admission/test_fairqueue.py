from collections import Counter

from amiproxy.core.admission.fairqueue import FairQueue
from amiproxy.core.admission.networks import networks_around


def put(queue: FairQueue[str], address: str, *items: str, rank: int = 0, name: str = "") -> None:
    for item in items:
        queue.put(item, networks_around(address), rank, name)


def taken(queue: FairQueue[str]) -> list[str]:
    return [queue.take() for _ in range(len(queue))]


def test_networks_take_turns_however_much_each_sends():
    queue: FairQueue[str] = FairQueue(1)
    for number in range(200):
        put(queue, f"10.0.{number % 2}.{number}", f"crowd {number}")
    put(queue, "192.0.2.1", "good 1", "good 2")
    order = taken(queue)
    assert order.index("good 1") <= 2
    assert order.index("good 2") <= 4
    addresses = Counter(
        item for item in order[:100] if int(item.removeprefix("crowd ").removeprefix("good ")) % 2
    )
    assert 45 <= len(addresses) <= 55, "its parts take turns, too"


def test_names_take_turns_however_many_networks_ask_for_one():
    queue: FairQueue[str] = FairQueue(1)
    for number in range(200):
        put(queue, f"{number + 1}.0.0.1", f"crowd {number}", name="boss")
    put(queue, "203.0.113.1", "good 1", "good 2", name="far")
    order = taken(queue)
    assert order.index("good 1") <= 4
    assert order.index("good 2") <= 8


def test_many_names_from_few_networks_get_only_the_turns_of_these_networks():
    queue: FairQueue[str] = FairQueue(1)
    for number in range(200):
        put(queue, f"10.{number % 2}.0.1", f"crowd {number}", name=f"{number}")
    put(queue, "203.0.113.1", "good 1", "good 2", name="far")
    order = taken(queue)
    assert order.index("good 1") <= 4
    assert order.index("good 2") <= 8


def test_one_address_keeps_its_order():
    queue: FairQueue[str] = FairQueue(1)
    put(queue, "192.0.2.1", "a", "b", "c")
    queue.remove("b")
    queue.remove("b")
    assert "b" not in queue
    assert "a" in queue
    assert taken(queue) == ["a", "c"]


def test_ranks_come_before_turns():
    queue: FairQueue[str] = FairQueue(3)
    put(queue, "10.0.0.1", "last 1", "last 2", rank=2)
    put(queue, "10.1.0.1", "middle", rank=1)
    put(queue, "10.2.0.1", "first", rank=0)
    assert taken(queue) == ["first", "middle", "last 1", "last 2"]


def test_a_full_queue_drops_the_longest_waiting_item_of_the_lowest_rank():
    queue: FairQueue[str] = FairQueue(2)
    put(queue, "10.0.0.1", *(f"first {n}" for n in range(9)), rank=0)
    for number in range(4):
        put(queue, f"10.{number}.1.1", f"{number}", rank=1)
    gone = []
    for _ in range(5):
        gone.append(queue.surplus())
        assert gone[-1] in queue, "it is for the caller to remove it"
        queue.remove(gone[-1])
    assert gone == ["0", "1", "2", "3", "first 0"]


def test_a_network_with_more_than_half_of_the_queue_loses_its_own_items():
    queue: FairQueue[str] = FairQueue(1)
    put(queue, "192.0.2.1", "good 1", "good 2")
    put(queue, "10.1.1.1", "a", "b")
    put(queue, "10.1.2.1", "c")
    put(queue, "10.2.1.1", "d")
    assert queue.surplus() == "a", "10.0.0.0/8 has four of six, and none of its parts more than three"
    put(queue, "10.1.2.1", "e", "f", "g", "h", "i")
    assert queue.surplus() == "c", "10.1.2.0/24 has six of eleven"


def test_a_network_keeps_its_turn_when_others_leave():
    queue: FairQueue[str] = FairQueue(1)
    served: Counter[str] = Counter()
    for number in range(300):
        network = f"10.{number % 3}.0.1"
        put(queue, network, f"{network} {number}")
        if len(queue) > 30:
            served[queue.take().partition(" ")[0]] += 1
    assert max(served.values()) - min(served.values()) <= 1
