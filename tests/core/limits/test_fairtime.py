import pytest

from amiproxy.core.limits.fairtime import MEMORY, MOST, FairTime
from amiproxy.core.model.share import Member

MS = 0.001


class Rounds:
    """A queue of which each ``round`` serves one item, at the item's cost; the clock advances by the cost."""

    def __init__(self) -> None:
        self.queue: FairTime[float] = FairTime()
        self.names: dict[Member[float], str] = {}
        self.now = 1_000_000.0

    def member(self, name: str, had: float = 0.0) -> Member[float]:
        member: Member[float] = Member()
        self.names[member] = name
        self.queue.charge(member, had, self.now)
        return member

    def wait(self, member: Member[float], *costs: float) -> None:
        for cost in costs:
            self.queue.add(member, cost, self.now)

    def serve(self, count: int = 1 << 30) -> str:
        served = ""
        while self.queue and count:
            member, cost = self.queue.take()
            self.now += cost
            self.queue.done(member, cost, self.now)
            served += self.names[member]
            count -= 1
        return served


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


def test_items_of_one_member_are_served_in_order() -> None:
    queue: FairTime[str] = FairTime()
    member: Member[str] = Member()
    queue.add(member, "one", 0.0)
    queue.add(member, "two", 0.0)
    assert len(queue) == 1, "members, not items"
    taken = []
    while queue:
        found, item = queue.take()
        taken.append(item)
        queue.done(found, 1.0, 1.0)
    assert taken == ["one", "two"]


def test_with_equal_costs_members_take_turns(rounds: Rounds) -> None:
    a, b = rounds.member("a"), rounds.member("b")
    rounds.wait(a, *[MS] * 4)
    rounds.wait(b, *[MS] * 4)
    assert rounds.serve() == "abababab"


def test_members_share_time_not_numbers_of_items(rounds: Rounds) -> None:
    dear, cheap = rounds.member("D"), rounds.member("c")
    rounds.wait(dear, *[4 * MS] * 1000)
    rounds.wait(cheap, *[MS] * 4000)
    served = rounds.serve(2000)
    assert served.count("c") == pytest.approx(4 * served.count("D"), rel=0.05)


def test_a_member_with_little_to_do_is_served_at_once_among_many(rounds: Rounds) -> None:
    many = [rounds.member(".") for _ in range(200)]
    little = rounds.member("L")
    for member in many:
        rounds.wait(member, *[MS] * 50)
    rounds.serve(200)
    for _ in range(20):
        rounds.serve(99)
        rounds.wait(little, MS / 10)
        assert rounds.serve(1) == "L"


def test_a_member_with_little_to_do_comes_first_even_after_the_queue_was_empty(rounds: Rounds) -> None:
    greedy, little = rounds.member("G"), rounds.member("L")
    for _ in range(20):
        rounds.wait(greedy, 50 * MS)
        assert rounds.serve() == "G"
        rounds.wait(greedy, 50 * MS)
        rounds.wait(little, MS)
        assert rounds.serve() == "LG"


def test_a_member_that_comes_back_does_not_catch_up(rounds: Rounds) -> None:
    busy, late = rounds.member("b"), rounds.member("l")
    rounds.wait(busy, *[MS] * 5000)
    rounds.serve(2000)
    rounds.wait(late, *[MS] * 5000)
    rounds.serve(int(2 * MEMORY / MS))
    served = rounds.serve(1000)
    assert served.count("l") == pytest.approx(500, rel=0.1)


def test_time_charged_outside_a_members_turns_counts_too(rounds: Rounds) -> None:
    causing, other = rounds.member("c", had=3.5 * MS), rounds.member("o")
    rounds.wait(causing, MS)
    rounds.wait(other, *[MS] * 5)
    assert rounds.serve() in {"ooooco", "ooocoo"}


def test_a_lone_member_does_not_wait(rounds: Rounds) -> None:
    alone = rounds.member("a", had=MOST)
    rounds.wait(alone, MS)
    assert rounds.serve() == "a"


@pytest.mark.parametrize("had", [MOST, 1000 * MOST])
def test_the_greediest_member_waits_no_longer_than_its_use_is_remembered(rounds: Rounds, had: float) -> None:
    greedy = rounds.member("G", had)
    rounds.wait(greedy, MS)
    began, served = rounds.now, ""
    while "G" not in served:
        other = rounds.member("o")  # a new member each time
        rounds.wait(other, 10 * MS)
        served += rounds.serve(1)
    assert rounds.now - began < 10 * MEMORY


def test_an_item_added_while_its_member_is_served_waits_for_the_next_turn(rounds: Rounds) -> None:
    a, b = rounds.member("a"), rounds.member("b")
    rounds.wait(a, MS)
    rounds.wait(b, MS)
    member, cost = rounds.queue.take()
    assert member is a
    rounds.wait(a, MS)
    assert len(rounds.queue) == 1, "a has no second place"
    rounds.queue.done(a, cost, rounds.now + cost)
    assert rounds.serve() == "ba"
