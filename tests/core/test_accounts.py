"""What is sent at once is what would be sent by way of the queue."""

import itertools
from typing import Any

import pytest

from proxy.ami.message import Action
from proxy.core.accounts import WHOLE, Account, Accounts

_PING = Action([(b"Action", b"Ping")])
_ASKER: Any = object()


def _accounts(on_link: int, slow: float, owes: float, neighbour: bool) -> tuple[Accounts, Account]:
    accounts = Accounts()
    account = accounts.of("ann")
    account.on_link = on_link
    account.took(slow, 10.0)
    account.charge(owes, 10.0, 0.5)
    other = accounts.of("bob")
    other.asked = 10.0 if neighbour else 0.0
    other.turn = 3.0
    accounts.add(other, (_ASKER, _PING, other.asked))
    accounts.take(other)
    return accounts, account


@pytest.mark.parametrize("share", [0.5, WHOLE])
@pytest.mark.parametrize(
    ("on_link", "slow", "owes", "neighbour"),
    list(itertools.product((0, 1, 3), (0.0, 0.001, 1.0), (0.0, 5.0), (True, False))),
)
def test_what_passes_is_what_the_queue_would_send_and_leaves_the_same_accounts(
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
    assert (of_direct.asked, of_direct.turn, of_direct.over) == (10.0, of_queued.turn, False)
    if sent:
        assert direct._turn == queued._turn
