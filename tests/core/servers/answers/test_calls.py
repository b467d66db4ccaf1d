"""The outcome of a call, for a synchronous Originate that was sent as an asynchronous one."""

import pytest

from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers import failures
from amiproxy.core.servers.answers.base import (
    CLOSED,
    COMPLETE,
    OFF_LINK,
    PENDING,
    UNANSWERED,
)
from amiproxy.core.servers.answers.calls import CallAnswer
from tests.support.answers import DEADLINES, OURS, Requester, said

OWN = Answer(AnswerKind.RESPONSE, own=True)
FAILED = b"Response: Error\r\nMessage: Originate failed\r\n\r\n"


@pytest.fixture
def requester() -> Requester:
    return Requester()


def opened(requester: Requester | None) -> CallAnswer:
    answer = CallAnswer(requester, Action([(b"Action", b"Originate")]), OWN)
    answer.relay_id = OURS
    return answer


def test_the_response_that_a_call_was_queued_is_not_passed_on(requester):
    assert opened(requester).respond(said(b"Response: Success"), 1.0, DEADLINES) == OFF_LINK
    assert requester.replies == []


def test_an_error_response_completes_the_answer(requester):
    assert opened(requester).respond(said(b"Response: Error"), 1.0, DEADLINES) == COMPLETE
    assert requester.replies == [b"Response: Error\r\n\r\n"]


def test_a_successful_call_gives_the_response_of_a_synchronous_originate(requester):
    answer = opened(requester)
    assert answer.decided(said(b"Event: OriginateResponse", b"Response: Success")) == COMPLETE
    assert requester.replies == [b"Response: Success\r\nMessage: Originate successfully queued\r\n\r\n"]
    assert opened(None).decided(said(b"Event: OriginateResponse", b"Response: Success")) == COMPLETE


def test_a_failed_call_gives_an_error_response(requester):
    answer = opened(requester)
    assert answer.decided(said(b"Event: OriginateResponse", b"Response: Failure")) == CLOSED
    assert (requester.replies, requester.ends) == ([FAILED], [failures.ORIGINATE_FAILED])


def test_an_answer_that_is_given_up_is_a_failed_call(requester):
    answer = opened(requester)
    answer.give_up(failures.LOST)
    assert (requester.replies, requester.ends) == ([FAILED], [failures.LOST])
    assert answer.requester is None


def test_other_messages_with_its_relay_id_are_passed_on(requester):
    answer = opened(requester)
    assert answer.event(said(b"Event: Odd"), b"Odd", 1.0, DEADLINES) == PENDING
    assert answer.stray(said(b"Row: 1"), 1.0, DEADLINES) == PENDING
    assert len(requester.replies) == 2


def test_an_answer_without_a_response_stays_open_while_its_requester_waits(requester):
    assert opened(requester).overtaken() == OFF_LINK
    assert opened(None).overtaken() == UNANSWERED


def test_an_answer_expires_a_minute_after_its_deadline(requester):
    answer = opened(requester)
    answer.deadline = 100.0
    assert [answer.expires(now) for now in (99.0, 160.0, 160.1)] == [False, False, True]
