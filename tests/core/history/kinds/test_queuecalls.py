"""Calls of queue members that no event counts, and those whose events are written in between: ask again."""

import pytest

from amiproxy.core.history.kinds.queueforms import MEMBER, QUEUE
from amiproxy.core.history.kinds.queues import Queues
from tests.core.history.kinds.recorded import happened, listed, messages

LOGGED_IN = 1796050000
CALLED = 1796059920


def member(queue: str, last: int = CALLED, taken: int = 4, in_call: int = 0, login: int = LOGGED_IN) -> str:
    return f"""Event: QueueMember
Queue: {queue}
Name: Ann
Location: Local/ann@lab/n
Penalty: 0
CallsTaken: {taken}
LastCall: {last}
LoginTime: {login}
InCall: {in_call}
Status: 1

"""


def told(queue: str, taken: int, in_call: int) -> str:
    text = (
        member(queue, CALLED, taken, in_call)
        .replace("Location:", "Interface:")
        .replace("Name:", "MemberName:")
    )
    return text.replace("QueueMember", "QueueMemberStatus")


def params(queue: str) -> str:
    return f"Event: QueueParams\nQueue: {queue}\nCompleted: 4\nAbandoned: 0\n\n"


def connected(number: int, queue: str = "sales") -> str:
    return (
        f"Event: AgentConnect\nUniqueid: 7.{number}\nDestUniqueid: 9.{number}\nQueue: {queue}\n"
        "Interface: Local/ann@lab/n\nMemberName: Ann\nHoldTime: 3\nRingTime: 1\n\n"
    )


def completed(number: int, queue: str = "sales") -> str:
    text = connected(number, queue).replace("AgentConnect", "AgentComplete").rstrip()
    return f"{text}\nTalkTime: 40\nReason: agent\n\n"


def removed(queue: str) -> str:
    return f"Event: QueueMemberRemoved\nQueue: {queue}\nInterface: Local/ann@lab/n\n\n"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sales(clock: Clock) -> Queues:
    """A queue with one member."""
    kind = Queues(clock)
    listed(kind, params("sales") + member("sales"))
    return kind


@pytest.fixture
def both(clock: Clock) -> Queues:
    """Two queues with the same member, which has taken a call of the first only."""
    kind = Queues(clock)
    listed(kind, params("sales") + member("sales") + params("help") + member("help", last=0, taken=0))
    return kind


def in_both(last_of_help: int, login_to_help: int = LOGGED_IN) -> str:
    of_help = member("help", last=last_of_help, login=login_to_help)
    return params("sales") + member("sales") + params("help") + of_help


def taken(kind: Queues) -> list[str]:
    return [item.values[b"CallsTaken"].decode() for item in kind.items() if item.form is MEMBER]


def asks_again(kind: Queues) -> bool:
    """Whether the list is asked again; like the one that asks it, clears the sign for it."""
    outdated, kind.is_outdated = kind.is_outdated, False
    return outdated


def test_a_call_of_a_member_of_one_queue_needs_no_list(sales: Queues) -> None:
    happened(sales, connected(1) + completed(1))
    assert taken(sales) == ["5"]
    assert not asks_again(sales)


@pytest.mark.parametrize("last", [CALLED - 1, CALLED, CALLED + 1])
def test_a_call_may_count_for_the_member_of_each_queue(clock: Clock, last: int) -> None:
    kind = Queues(clock)
    listed(kind, in_both(last))
    happened(kind, connected(1) + completed(1))
    assert taken(kind) == ["5", "4"]
    assert asks_again(kind)
    happened(kind, connected(2) + told("sales", 5, in_call=1) + told("sales", 6, in_call=0))
    assert asks_again(kind)


def test_the_interface_is_the_same_in_capital_letters(clock: Clock) -> None:
    kind = Queues(clock)
    listed(kind, params("sales") + member("sales") + params("help") + member("help").replace("ann@", "ANN@"))
    happened(kind, connected(1) + completed(1))
    assert asks_again(kind)


def test_the_list_shows_that_a_call_counts_for_one_queue(both: Queues) -> None:
    heir = Queues(lambda: 0.0)
    heir.inherit(both)
    for kind in (both, heir):
        happened(kind, connected(1) + completed(1))
        assert taken(kind) == ["5", "0"]
        assert not asks_again(kind)
    both.forget()
    happened(both, told("sales", 4, in_call=0) + told("help", 4, in_call=0) + connected(2) + completed(2))
    assert asks_again(both)


def test_a_member_that_was_added_after_the_last_call_shows_nothing(clock: Clock) -> None:
    kind = Queues(clock)
    listed(kind, in_both(0, login_to_help=CALLED + 1))
    happened(kind, connected(1) + completed(1))
    assert asks_again(kind)


@pytest.mark.parametrize("order", [1, -1])
def test_the_latest_call_is_believed(clock: Clock, order: int) -> None:
    """The setting may have changed since an earlier one."""
    before = [member("sales", CALLED - 90), member("help", CALLED - 50)]
    before = [text.replace("ann@", "bob@") for text in before]
    kind = Queues(clock)
    both = [member("sales") + member("help"), "".join(before)][::order]
    listed(kind, params("sales") + params("help") + "".join(both))
    happened(kind, connected(1) + completed(1))
    assert asks_again(kind)


def test_a_count_that_no_call_explains_is_one_of_another_queue(both: Queues) -> None:
    happened(both, told("help", 1, in_call=0))
    assert asks_again(both)
    happened(both, connected(1) + completed(1))
    assert asks_again(both)


def test_the_call_of_a_removed_member_may_count_for_its_heir(sales: Queues, both: Queues) -> None:
    """In the same queue, the member that has been added since; but not if a call counts for one queue."""
    call = connected(1) + removed("sales")
    happened(sales, call + told("sales", 0, in_call=0) + completed(1))
    assert asks_again(sales)
    happened(sales, connected(2) + removed("sales") + completed(2))
    assert not asks_again(sales)
    happened(both, call + told("sales", 0, in_call=0) + completed(1))
    assert not asks_again(both)


def test_of_calls_that_began_in_the_same_second_none_knows_which_is_counted(
    sales: Queues, clock: Clock
) -> None:
    happened(sales, connected(1))
    clock.now += 1.5
    happened(sales, connected(2) + completed(1))
    assert asks_again(sales)
    happened(sales, completed(2))
    assert not asks_again(sales)


def test_of_calls_that_began_one_after_the_other_the_last_is_counted(sales: Queues, clock: Clock) -> None:
    happened(sales, connected(1))
    heir = Queues(clock)
    heir.inherit(sales)
    clock.now += 2.0
    for kind in (sales, heir):
        happened(kind, connected(2) + completed(1) + completed(2))
        assert taken(kind) == ["5"]
        assert not asks_again(kind)


def test_of_two_calls_with_other_channels_than_before_either_may_have_ended(
    sales: Queues, clock: Clock
) -> None:
    happened(sales, connected(1))
    clock.now += 60.0
    happened(sales, connected(2) + completed(3))
    assert asks_again(sales)


def test_an_event_between_agentconnect_and_the_beginning_of_the_call_does_not_know_of_it(
    sales: Queues,
) -> None:
    happened(sales, connected(1) + told("sales", 4, in_call=0))
    assert asks_again(sales)


def test_an_event_between_agentcomplete_and_the_end_of_the_call_has_it_still(sales: Queues) -> None:
    happened(sales, connected(1) + completed(1) + told("sales", 4, in_call=1))
    assert asks_again(sales)
    happened(sales, told("sales", 5, in_call=0))
    assert not asks_again(sales)


def counted(kind: Queues) -> list[str]:
    return [item.values[b"Completed"].decode() for item in kind.items() if item.form is QUEUE]


@pytest.fixture
def during(clock: Clock) -> Queues:
    """A list that was asked during a call: its AgentConnect has never been seen."""
    kind = Queues(clock)
    listed(kind, params("sales") + member("sales", in_call=1))
    return kind


def test_a_call_from_before_the_list_counts_after_its_member_was_removed(during: Queues) -> None:
    heir = Queues(lambda: 0.0)
    heir.inherit(during)
    for kind in (during, heir):
        happened(kind, removed("sales") + completed(1))
        assert counted(kind) == ["5"]
        assert not asks_again(kind)


def test_a_call_from_before_the_list_counts_after_its_member_has_come_again(during: Queues) -> None:
    happened(during, removed("sales") + told("sales", 0, in_call=0) + connected(2))
    happened(during, completed(2))
    assert (counted(during), taken(during)) == (["5"], ["1"])
    happened(during, completed(1))
    assert (counted(during), taken(during)) == (["6"], ["1"])


def test_a_removal_that_the_list_does_not_know_yet_makes_no_second_call(sales: Queues) -> None:
    happened(sales, connected(1) + removed("sales"))
    listed(sales, params("sales") + member("sales", in_call=1))
    happened(sales, removed("sales") + completed(1) + completed(1))
    assert counted(sales) == ["5"]
    assert asks_again(sales)


def test_the_call_of_a_member_that_was_removed_before_the_list_is_asked_for(clock: Clock) -> None:
    kind = Queues(clock)
    listed(kind, params("sales"))
    happened(kind, completed(1))
    assert asks_again(kind)


def of_neither(queue: str = "sales") -> str:
    """An AgentComplete as real Asterisks write it if both channels have been hung up at once."""
    lines = completed(1, queue).splitlines(keepends=True)
    return "".join(line for line in lines if "niqueid" not in line)


def test_the_call_of_a_removed_member_counts_if_both_sides_hang_up_at_once(sales: Queues) -> None:
    happened(sales, connected(1) + removed("sales") + of_neither())
    assert counted(sales) == ["5"]
    assert not asks_again(sales)


def test_without_channels_it_is_unclear_which_call_of_a_member_that_came_again_has_ended(
    sales: Queues,
) -> None:
    happened(sales, connected(1) + removed("sales") + told("sales", 0, in_call=0) + connected(2))
    happened(sales, of_neither())
    assert counted(sales) == ["5"]
    assert asks_again(sales)


def test_a_call_that_ended_while_the_list_was_asked_counts_once(sales: Queues) -> None:
    """Over another link, the list may have counted it or not."""
    call = messages(connected(1) + completed(1))
    for number in ("4", "5"):
        before = Queues(lambda: 0.0)
        before.inherit(sales)
        for event in call:
            before.events[event.name](event)
        listed(before, params("sales").replace("Completed: 4", f"Completed: {number}") + member("sales"))
        before.replay(call)
        assert counted(before) == ["5"]
        assert not asks_again(before)


def test_a_list_that_counts_otherwise_than_events_is_believed_and_asked_again(sales: Queues) -> None:
    call = messages(connected(1) + completed(1))
    listed(sales, params("sales").replace("Completed: 4", "Completed: 9") + member("sales"))
    sales.replay(call)
    assert counted(sales) == ["9"]
    assert asks_again(sales)


def test_events_that_count_nothing_leave_what_the_list_counts(sales: Queues) -> None:
    listed(sales, params("sales").replace("Completed: 4", "Completed: 9") + member("sales"))
    sales.replay(messages(connected(1)))
    assert counted(sales) == ["9"]
    assert not asks_again(sales)
