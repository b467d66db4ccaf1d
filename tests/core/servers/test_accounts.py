"""Sending at once decides as sending through the queue would."""

import itertools
from typing import Any

import pytest

from amiproxy.ami.message import Action
from amiproxy.core.servers.accounts import WHOLE, Account, Accounts

_PING = Action([(b"Action", b"Ping")])
_ASKER: Any = object()


def _accounts(on_link: int, slow: float, owes: float, neighbour: bool) -> tuple[Accounts, Account]:
    accounts = Accounts()
    account = accounts.of("ann")
    account.on_link = on_link
    account.took(slow, 10.0)
    other = accounts.of("bob")
    accounts.add(other, (_ASKER, _PING, 10.0 if neighbour else 0.0))
    accounts.charge(account, owes, 10.0, 0.5)
    accounts.take(other)
    return accounts, account


@pytest.mark.parametrize("share", [0.5, WHOLE])
@pytest.mark.parametrize(
    ("on_link", "slow", "owes", "neighbour"),
    list(itertools.product((0, 1, 3), (0.0, 0.001, 1.0), (0.0, 5.0), (True, False))),
)
def test_passing_directly_decides_like_the_queue_and_leaves_equal_accounts(
    on_link: int, slow: float, owes: float, neighbour: bool, share: float
) -> None:
    queued, of_queued = _accounts(on_link, slow, owes, neighbour)
    queued.add(of_queued, (_ASKER, _PING, 10.0))
    sent = queued.next(10.0, share) is not None
    if sent:
        queued.take(of_queued)
    direct, of_direct = _accounts(on_link, slow, owes, neighbour)
    assert direct.passes(of_direct, 10.0, share) == sent
    assert not direct.waiting
    assert (of_direct.asked, of_direct.over) == (10.0, False)


SHARE = 0.2


class Link:
    """Users of one link, and a clock."""

    def __init__(self, beside: Accounts | None = None) -> None:
        self.accounts = Accounts(beside)
        self.now = 100.0

    def ask(self, name: str, seconds: float) -> bool:
        """Whether the user's action is sent at once; if so, Asterisk takes this long for it."""
        account = self.accounts.of(name)
        if not self.accounts.passes(account, self.now, SHARE):
            return False
        self.now += seconds
        self.accounts.charge(account, seconds, self.now, SHARE)
        return True

    def busy(self, *names: str, seconds: float) -> float:
        """Seconds that Asterisk spends on these users, who send the next action as soon as allowed."""
        until, spent = self.now + seconds, 0.0
        while self.now < until:
            began = self.now
            sent = [self.ask(name, 0.001) for name in names]
            if not any(sent):
                self.now += 0.001
            else:
                spent += self.now - began
        return spent


def test_users_beyond_their_share_together_keep_the_link_busy() -> None:
    link = Link()
    assert link.busy("ann", "bob", seconds=10) == pytest.approx(10, rel=0.01)


def test_time_is_reserved_for_a_user_below_its_share() -> None:
    link = Link()
    link.busy("ann", seconds=5)
    spent = 0.0
    for _ in range(100):  # ten seconds
        assert link.ask("bob", 0.001)
        spent += link.busy("ann", seconds=0.099)
    assert spent == pytest.approx(10 * SHARE, rel=0.15)


def test_time_used_while_no_user_needed_a_reserve_is_not_owed() -> None:
    link = Link()
    link.busy("ann", seconds=60)
    assert link.ask("bob", 0.001)
    assert link.ask("ann", 0.001), "ann has had the share of a second, as always at once"
    waits = link.accounts.of("ann").wait(link.now)
    assert waits < 0.01


def test_no_time_is_reserved_for_a_user_that_has_gone() -> None:
    link = Link()
    link.ask("bob", 0.001)
    link.busy("ann", seconds=0.9)
    assert not link.ask("ann", 0.001)
    link.now += 0.2
    assert link.ask("ann", 0.001)
    assert link.busy("ann", seconds=5) == pytest.approx(5, rel=0.01)


def test_users_of_other_links_get_their_reserve_but_not_from_themselves() -> None:
    main = Link()
    lists = Link(main.accounts)
    main.ask("ann", 0.001)
    assert lists.busy("ann", seconds=1) == pytest.approx(1, rel=0.01)
    main.now = lists.now
    main.ask("bob", 0.001)
    assert lists.busy("ann", seconds=1) < 0.5


def test_an_account_over_its_share_is_distinguished_from_one_with_enough_in_flight() -> None:
    link = Link()
    ann = link.accounts.of("ann")
    ann.on_link = 1
    ann.typical = 1.0
    link.accounts.add(ann, (_ASKER, _PING, link.now))
    assert link.accounts.next(link.now, SHARE) is None
    assert not link.accounts.withheld
    ann.on_link = 0
    link.ask("bob", 0.001)
    link.accounts.charge(ann, 5.0, link.now, SHARE)
    assert link.accounts.next(link.now, SHARE) is None
    assert link.accounts.withheld
    assert link.accounts.held(link.now) == [ann]


def test_the_work_queued_at_asterisk_by_all_users_is_bounded() -> None:
    accounts = Accounts()
    now = 100.0
    for number in range(64):
        account = accounts.of(f"u{number}")
        accounts.took(account, 0.001, now)
    sent = []
    for number in range(64):
        account = accounts.of(f"u{number}")
        if not accounts.passes(account, now, WHOLE):
            accounts.add(account, (_ASKER, _PING, now))
            break
        sent.append((account, accounts.sent(account)))
    assert 4 <= len(sent) <= 8
    assert accounts.next(now, WHOLE) is None
    assert not accounts.withheld
    accounts.left(*sent.pop())
    assert accounts.next(now, WHOLE) is not None
    for one in sent:
        accounts.left(*one)
    assert accounts.ahead == pytest.approx(0.0)


def test_a_user_that_asks_little_goes_before_many_that_ask_all_the_time() -> None:
    accounts = Accounts()
    now, took = 10.0, 0.0005
    greedy = [accounts.of(f"u{number}") for number in range(200)]
    for account in greedy:
        accounts.add(account, (_ASKER, _PING, now))

    def serve() -> Account:
        nonlocal now
        account = accounts.next(now, WHOLE)
        assert account is not None
        accounts.take(account)
        now += took
        accounts.charge(account, took, now, WHOLE)
        if account in greedy:
            accounts.add(account, (_ASKER, _PING, now))
        return account

    for _ in range(1000):
        serve()
    modest = accounts.of("modest")
    accounts.add(modest, (_ASKER, _PING, now))
    assert serve() is modest
    shares = [0] * len(greedy)
    for _ in range(10 * len(greedy)):
        shares[greedy.index(serve())] += 1
    assert min(shares) >= 8
    assert max(shares) <= 12


def test_actions_on_the_link_count_as_used_time() -> None:
    accounts = Accounts()
    one, two = accounts.of("one"), accounts.of("two")
    for account in (one, two):
        account.took(0.0015, 10.0)
        account.typical = 0.0015
        for _ in range(2):
            accounts.add(account, (_ASKER, _PING, 10.0))
    order = []
    while (account := accounts.next(10.0, WHOLE)) is not None:
        accounts.take(account)
        account.on_link += 1
        order.append(account.name)
    assert order == ["one", "two", "one", "two"]
