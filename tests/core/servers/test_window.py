"""The order of the actions on a link, and the user to whom Asterisk's time is charged."""

import pytest

from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.servers.accounts import WHOLE, Accounts
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.answers.own import PING, OwnAnswer
from amiproxy.core.servers.answers.response import ResponseAnswer
from amiproxy.core.servers.window import Window
from tests.support.answers import Requester

OWN = Answer(AnswerKind.RESPONSE, own=True)


class Link:
    """A window with its accounts."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.window = Window(self.accounts, None)
        self.relayed: list[tuple[str, int]] = []

    def sent(self, user: str = "", now: float = 0.0, items: int = 0) -> PendingAnswer:
        """An answer that is owed to this user, or to the proxy itself."""
        action = Action([(b"Action", b"CoreStatus")])
        answer = ResponseAnswer(Requester(), action, OWN) if user else OwnAnswer(PING, lambda _: None)
        answer.account = self.accounts.of(user) if user else None
        answer.items = items
        self.window.enter(answer, now)
        return answer

    def charge(self, now: float, open_list: PendingAnswer | None = None) -> dict[str, float]:
        self.window.charge(now, WHOLE, open_list, lambda *items: self.relayed.append(items))
        return self.accounts.seconds()


@pytest.fixture
def link() -> Link:
    return Link()


def test_earlier_answers_are_listed_in_the_order_of_sending(link):
    first, second, third = link.sent("ann"), link.sent(), link.sent("bob")
    assert link.window.earlier(third) == [first, second]
    link.window.leave(first)
    assert link.window.earlier(third) == [second]
    assert link.window.earlier(second) == []


def test_a_replaced_answer_keeps_its_place(link):
    before, last = link.sent("ann"), link.sent("bob")
    after = ResponseAnswer(Requester(), before.action, OWN)
    link.window.replace(before, after)
    assert list(link.window.answers) == [after, last]


def test_the_time_since_the_last_answer_is_charged_to_the_user_of_the_answer(link):
    ann, bob = link.sent("ann", now=10.0), link.sent("bob", now=10.5)
    link.window.leave(ann)
    assert link.charge(11.0) == {"ann": 1.0, "bob": 0.0}
    link.window.leave(bob)
    assert link.charge(11.25) == {"ann": 1.0, "bob": 0.25}
    assert (ann.seconds, bob.seconds) == (1.0, 0.25)


def test_time_without_an_open_action_is_not_charged(link):
    link.window.leave(link.sent("ann", now=0.0))
    link.charge(1.0)
    link.window.leave(link.sent("ann", now=100.0))
    assert link.charge(101.0) == {"ann": 2.0}


def test_answers_that_arrive_together_are_charged_by_their_items(link):
    for answer in link.sent("ann", items=2), link.sent("bob"), link.sent():
        link.window.leave(answer)
    assert link.charge(5.0) == {"ann": 3.0, "bob": 1.0}, "a fifth is the proxy's own"


def test_an_unfinished_list_is_charged_for_its_time_and_its_items_so_far(link):
    listed = link.sent("ann", items=40)
    assert link.charge(1.0, listed) == {"ann": 1.0}
    listed.items = 50
    link.window.leave(listed)
    assert link.charge(1.5) == {"ann": 1.5}
    assert link.relayed == [("ann", 40), ("ann", 10)]


def test_an_answer_leaves_the_link_only_once(link):
    answer = link.sent("ann")
    link.window.leave(answer)
    link.window.leave(answer)
    assert (link.window.served, link.accounts.of("ann").on_link) == ([answer], 0)


def test_a_cleared_window_has_no_open_and_no_served_answers(link):
    link.window.leave(link.sent("ann"))
    link.sent("bob")
    link.window.clear()
    assert (list(link.window.answers), link.window.served) == ([], [])
