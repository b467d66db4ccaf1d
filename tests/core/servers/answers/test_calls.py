"""The outcome of a call, for a synchronous Originate that was sent as an asynchronous one."""

import pytest

from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.servers import failures
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


def test_that_it_was_queued_is_kept_from_the_requester(requester):
    assert opened(requester).respond(said(b"Response: Success"), 1.0, DEADLINES) == OFF_LINK
    assert requester.replies == []


def test_a_refusal_is_the_answer(requester):
    assert opened(requester).respond(said(b"Response: Error"), 1.0, DEADLINES) == COMPLETE
    assert requester.replies == [b"Response: Error\r\n\r\n"]


def test_the_call_is_answered(requester):
    answer = opened(requester)
    assert answer.decided(said(b"Event: OriginateResponse", b"Response: Success")) == COMPLETE
    assert requester.replies == [b"Response: Success\r\nMessage: Originate successfully queued\r\n\r\n"]
    assert opened(None).decided(said(b"Event: OriginateResponse", b"Response: Success")) == COMPLETE


def test_the_call_fails(requester):
    answer = opened(requester)
    assert answer.decided(said(b"Event: OriginateResponse", b"Response: Failure")) == CLOSED
    assert (requester.replies, requester.ends) == ([FAILED], [failures.ORIGINATE_FAILED])


def test_given_up_it_has_failed(requester):
    answer = opened(requester)
    answer.give_up(failures.LOST)
    assert (requester.replies, requester.ends) == ([FAILED], [failures.LOST])
    assert answer.requester is None


def test_other_messages_with_its_relay_id_are_passed_on(requester):
    answer = opened(requester)
    assert answer.event(said(b"Event: Odd"), b"Odd", 1.0, DEADLINES) == PENDING
    assert answer.stray(said(b"Row: 1"), 1.0, DEADLINES) == PENDING
    assert len(requester.replies) == 2


def test_without_a_response_the_call_may_still_be_made(requester):
    assert opened(requester).overtaken() == OFF_LINK
    assert opened(None).overtaken() == UNANSWERED


def test_it_is_kept_for_a_minute_past_its_deadline(requester):
    answer = opened(requester)
    answer.deadline = 100.0
    assert [answer.expires(now) for now in (99.0, 160.0, 160.1)] == [False, False, True]
