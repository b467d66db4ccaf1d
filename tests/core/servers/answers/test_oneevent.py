"""A response and one event after it."""

import pytest

from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers.base import COMPLETE, PENDING, UNANSWERED, UNENDED
from amiproxy.core.servers.answers.oneevent import OneEventAnswer
from tests.support.answers import DEADLINES, OURS, Requester, said

OWN = Answer(AnswerKind.EVENT, own=True)
OTHER = Answer(AnswerKind.EVENT)
EVENT, ROW = said(b"Event: Done"), said(b"Row: 1")


@pytest.fixture
def requester() -> Requester:
    return Requester()


def opened(requester: Requester, described: Answer = OWN, *, responded: bool = False) -> OneEventAnswer:
    answer = OneEventAnswer(requester, Action([(b"Action", b"FAXStats")]), described)
    answer.relay_id = OURS
    if responded:
        assert answer.respond(said(b"Response: Success"), 0.0, DEADLINES) == PENDING
    return answer


def test_the_event_after_the_response_completes_it(requester):
    answer = opened(requester, responded=True)
    assert answer.event(EVENT, b"Done", 1.0, DEADLINES) == COMPLETE
    assert requester.replies == [b"Response: Success\r\n\r\n", b"Event: Done\r\n\r\n"]


def test_any_message_may_be_the_event(requester):
    assert opened(requester, responded=True).stray(ROW, 1.0, DEADLINES) == COMPLETE
    assert opened(requester).stray(ROW, 1.0, DEADLINES) == COMPLETE


def test_only_a_module_may_leave_out_the_response(requester):
    assert opened(requester, OTHER).event(EVENT, b"Done", 1.0, DEADLINES) == COMPLETE
    assert opened(requester, OWN).event(EVENT, b"Done", 1.0, DEADLINES) == PENDING


def test_an_error_or_a_second_response_completes_it(requester):
    assert opened(requester).respond(said(b"Response: Error"), 1.0, DEADLINES) == COMPLETE
    again = said(b"Response: Success")
    assert opened(requester, responded=True).respond(again, 1.0, DEADLINES) == COMPLETE


def test_it_may_announce_a_list(requester):
    response = said(b"Response: Success", b"EventList: start")
    assert opened(requester).respond(response, 1.0, DEADLINES) == UNENDED


def test_a_later_answer_shows_that_nothing_more_comes(requester):
    assert opened(requester).overtaken() == UNANSWERED
    assert opened(requester, responded=True).overtaken() == COMPLETE


def test_given_up_after_the_response_nothing_more_is_sent(requester):
    opened(requester, responded=True).give_up(b"why")
    assert (requester.replies, requester.ends) == ([b"Response: Success\r\n\r\n"], [b"why"])
