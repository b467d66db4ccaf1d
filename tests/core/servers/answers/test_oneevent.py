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


def test_the_event_after_the_response_completes_the_answer(requester):
    answer = opened(requester, responded=True)
    assert answer.event(EVENT, b"Done", 1.0, DEADLINES) == COMPLETE
    assert requester.replies == [b"Response: Success\r\n\r\n", b"Event: Done\r\n\r\n"]


def test_a_message_that_is_no_event_completes_the_answer_too(requester):
    assert opened(requester, responded=True).stray(ROW, 1.0, DEADLINES) == COMPLETE
    assert opened(requester).stray(ROW, 1.0, DEADLINES) == COMPLETE


def test_an_event_without_a_response_completes_only_the_answer_of_a_module(requester):
    assert opened(requester, OTHER).event(EVENT, b"Done", 1.0, DEADLINES) == COMPLETE
    assert opened(requester, OWN).event(EVENT, b"Done", 1.0, DEADLINES) == PENDING


def test_an_error_or_a_second_response_completes_the_answer(requester):
    assert opened(requester).respond(said(b"Response: Error"), 1.0, DEADLINES) == COMPLETE
    again = said(b"Response: Success")
    assert opened(requester, responded=True).respond(again, 1.0, DEADLINES) == COMPLETE


def test_a_response_that_announces_a_list_begins_an_answer_without_known_end(requester):
    response = said(b"Response: Success", b"EventList: start")
    assert opened(requester).respond(response, 1.0, DEADLINES) == UNENDED


def test_a_later_answer_completes_an_answer_that_had_its_response(requester):
    assert opened(requester).overtaken() == UNANSWERED
    assert opened(requester, responded=True).overtaken() == COMPLETE


def test_an_answer_given_up_after_its_response_sends_no_error(requester):
    opened(requester, responded=True).give_up(b"why")
    assert (requester.replies, requester.ends) == ([b"Response: Success\r\n\r\n"], [b"why"])
