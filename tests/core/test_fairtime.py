from proxy.core.fairtime import LONGEST_DEBT, FairTime, Member

#: Sums of it are exact.
T = 1 / 64


class Rounds:
    """A queue of which each ``round`` serves one, at the cost that its item says."""

    def __init__(self) -> None:
        self.queue: FairTime[float] = FairTime()
        self.names: dict[Member[float], str] = {}

    def member(self, name: str) -> Member[float]:
        member: Member[float] = Member()
        self.names[member] = name
        return member

    def wait(self, member: Member[float], *costs: float) -> None:
        for cost in costs:
            self.queue.add(member, cost)

    def serve(self, count: int = 1 << 30) -> str:
        served = ""
        while self.queue and count:
            member, cost = self.queue.take()
            self.queue.done(member, cost)
            served += self.names[member]
            count -= 1
        return served


def test_of_one_member_the_first_that_came_is_the_first() -> None:
    queue: FairTime[str] = FairTime()
    member: Member[str] = Member()
    queue.add(member, "one")
    queue.add(member, "two")
    assert len(queue) == 1, "members, not items"
    taken = []
    while queue:
        found, item = queue.take()
        taken.append(item)
        queue.done(found, 1.0)
    assert taken == ["one", "two"]


def test_with_equal_costs_members_take_turns() -> None:
    rounds = Rounds()
    a, b = rounds.member("a"), rounds.member("b")
    rounds.wait(a, *[T] * 4)
    rounds.wait(b, *[T] * 4)
    assert rounds.serve() == "abababab"


def test_time_counts_and_not_the_number() -> None:
    rounds = Rounds()
    dear, cheap = rounds.member("D"), rounds.member("c")
    rounds.wait(dear, *[T] * 3)
    rounds.wait(cheap, *[T / 4] * 9)
    assert rounds.serve() == "DccccDccccDc"


def test_a_member_that_comes_back_is_served_at_once_but_does_not_catch_up() -> None:
    rounds = Rounds()
    busy, late = rounds.member("b"), rounds.member("l")
    rounds.wait(busy, *[T] * 9)
    assert rounds.serve(5) == "bbbbb"
    rounds.wait(late, *[T] * 3)
    assert rounds.serve(5) in {"lblbl", "lbllb"}, "its absence saved nothing up"


def test_what_a_member_has_had_stays_with_it() -> None:
    rounds = Rounds()
    greedy, other = rounds.member("G"), rounds.member("o")
    rounds.wait(other, *[T] * 9)
    rounds.wait(greedy, 5 * T)
    assert rounds.serve(2) == "oG"
    rounds.wait(greedy, 5 * T)  # all that waited of it was done: it left and came back
    assert rounds.serve(6) == "ooooGo"


def test_what_is_charged_beside_its_turns_counts_too() -> None:
    rounds = Rounds()
    causing, other = rounds.member("c"), rounds.member("o")
    rounds.queue.charge(causing, 3.5 * T)
    rounds.wait(causing, T)
    rounds.wait(other, *[T] * 5)
    assert rounds.serve() == "ooooco"


def test_a_member_that_is_alone_waits_for_nobody() -> None:
    rounds = Rounds()
    alone = rounds.member("a")
    rounds.queue.charge(alone, T)
    rounds.wait(alone, T)
    assert rounds.serve() == "a"


def test_a_debt_is_bounded() -> None:
    rounds = Rounds()
    greedy, other = rounds.member("G"), rounds.member("o")
    rounds.queue.charge(greedy, 1000 * LONGEST_DEBT)
    rounds.wait(greedy, T)
    rounds.wait(other, *[LONGEST_DEBT / 2] * 9)
    assert rounds.serve(4) == "ooGo"


def test_what_a_member_adds_while_it_is_served_waits_for_its_next_turn() -> None:
    rounds = Rounds()
    a, b = rounds.member("a"), rounds.member("b")
    rounds.wait(a, T)
    rounds.wait(b, T)
    member, cost = rounds.queue.take()
    assert member is a
    rounds.wait(a, T)
    assert len(rounds.queue) == 1, "a has no second place"
    rounds.queue.done(a, cost)
    assert rounds.serve() == "ba"
