"""An event list whose last event is known by name."""

import pytest

from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers import failures
from amiproxy.core.servers.answers.base import COMPLETE, LISTING, PENDING, UNENDED
from amiproxy.core.servers.answers.lists import ListAnswer
from tests.support.answers import DEADLINES, OURS, Requester, said

OWN = Answer(AnswerKind.RESPONSE, b"ListedComplete", own=True)
OTHER = Answer(AnswerKind.LIST, b"ListedComplete")
START = said(b"Response: Success", b"EventList: start")


@pytest.fixture
def requester() -> Requester:
    return Requester()


def opened(requester: Requester, described: Answer = OWN, *, started: bool = False) -> ListAnswer:
    answer = ListAnswer(requester, Action([(b"Action", b"List"), (b"ActionID", b"7")]), described)
    answer.relay_id = OURS
    if started:
        assert answer.respond(START, 0.0, DEADLINES) == LISTING
        requester.replies.clear()
    return answer


@pytest.mark.parametrize(
    ("described", "response", "outcome"),
    [
        (OWN, START, LISTING),
        (OTHER, START, LISTING),
        (OWN, said(b"Response: Success"), COMPLETE),
        (OTHER, said(b"Response: Success"), UNENDED),
        (OWN, said(b"Response: Success", b"Message: Items will follow"), UNENDED),
        (OWN, said(b"Response: Error", b"EventList: start"), COMPLETE),
    ],
)
def test_the_response_decides_whether_items_follow(requester, described, response, outcome):
    assert opened(requester, described).respond(response, 1.0, DEADLINES) == outcome
    assert requester.replies == [response.replace(OURS, b"7")]


def test_items_are_passed_on_until_the_last_event_completes_the_list(requester):
    answer = opened(requester, started=True)
    assert answer.event(said(b"Event: Listed"), b"Listed", 1.0, DEADLINES) == PENDING
    assert answer.stray(said(b"Row: 1"), 1.0, DEADLINES) == PENDING
    last = said(b"Event: ListedComplete", b"EventList: Complete")
    assert answer.event(last, b"ListedComplete", 1.0, DEADLINES) == COMPLETE
    assert len(requester.replies) == 3


def test_a_second_response_completes_the_list(requester):
    answer = opened(requester, started=True)
    assert answer.respond(said(b"Response: Error"), 1.0, DEADLINES) == COMPLETE


@pytest.mark.parametrize("described", [OWN, OTHER])
def test_a_row_before_the_response_begins_an_answer_without_known_end(requester, described):
    assert opened(requester, described).stray(said(b"Row: 1"), 1.0, DEADLINES) == UNENDED


def test_an_event_before_the_response_begins_the_answer_only_for_a_module(requester):
    early = said(b"Event: Early")
    assert opened(requester, OWN).event(early, b"Early", 1.0, DEADLINES) == PENDING
    assert opened(requester, OTHER).event(early, b"Early", 1.0, DEADLINES) == UNENDED


@pytest.mark.parametrize("described", [OWN, OTHER])
def test_a_list_that_is_cut_off_is_cancelled_for_asterisks_own_actions_only(requester, described):
    answer = opened(requester, described, started=True)
    answer.cut_off()
    cancelled = b"Event: ListedComplete\r\nActionID: 7\r\nEventList: Cancelled\r\nListItems: 0\r\n\r\n"
    assert requester.replies == ([cancelled] if described.own else [])
    assert requester.ends == [failures.CUT_OFF if described.own else b"finished"]


def test_a_list_over_its_limit_is_cancelled_and_its_other_items_are_dropped(requester):
    answer = opened(requester, started=True)
    for _ in range(4):
        assert answer.event(said(b"Event: Listed"), b"Listed", 1.0, DEADLINES) == PENDING
    assert len(requester.replies) == 4, "three items and the end"
    assert b"EventList: Cancelled" in requester.replies[3]
    assert (requester.limits, requester.ends) == (["list_items"], [failures.TOO_MANY_ITEMS])


@pytest.mark.parametrize(
    ("started", "now", "limit"),
    [(False, 200.0, "action_timeout"), (True, 16.0, "list_item_timeout"), (True, 121.0, "list_timeout")],
)
def test_an_overdue_list_names_the_limit_that_it_exceeded(requester, started, now, limit):
    assert opened(requester, started=started).exceeded(now, DEADLINES) == limit
