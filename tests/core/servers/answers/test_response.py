"""One response, and what makes more of it."""

import pytest

from amiproxy.ami.answers import UNKNOWN, Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers.base import COMPLETE, ECHOED, PENDING, UNENDED, PendingAnswer
from amiproxy.core.servers.answers.response import ResponseAnswer, UndescribedAnswer, echo_seconds
from tests.support.answers import DEADLINES, OURS, Requester, said

OWN = Answer(AnswerKind.RESPONSE, own=True)
OTHER = Answer(AnswerKind.RESPONSE)


@pytest.fixture
def requester() -> Requester:
    return Requester()


def opened(requester: Requester, name: bytes = b"CoreStatus", described: Answer = OWN) -> PendingAnswer:
    kind = UndescribedAnswer if described is UNKNOWN else ResponseAnswer
    answer = kind(requester, Action([(b"Action", name), (b"ActionID", b"7")]), described)
    answer.relay_id = OURS
    return answer


@pytest.mark.parametrize(
    ("name", "described", "response", "outcome"),
    [
        (b"CoreStatus", OWN, said(b"Response: Success"), COMPLETE),
        (b"CoreStatus", OWN, said(b"Response: Error"), COMPLETE),
        (b"CoreStatus", OWN, said(b"Response: Success", b"EventList: start"), UNENDED),
        (b"UserEvent", OWN, said(b"Response: Success"), ECHOED),
        (b"UserEvent", OWN, said(b"Response: Error"), COMPLETE),
        (b"Foo", UNKNOWN, said(b"Response: Success"), UNENDED),
        (b"Foo", UNKNOWN, said(b"Response: Error"), COMPLETE),
    ],
)
def test_the_response_decides_whether_more_follows(requester, name, described, response, outcome):
    answer = opened(requester, name, described)
    assert answer.respond(response, 1.0, DEADLINES) == outcome
    assert requester.replies == [response.replace(OURS, b"7")]
    assert requester.ends == [], "the exchange calls finished, once the link is free"


def test_an_event_before_the_response_of_asterisks_own_action_is_passed_on(requester):
    answer = opened(requester)
    assert answer.event(said(b"Event: Odd"), b"Odd", 1.0, DEADLINES) == PENDING
    assert requester.replies == [said(b"Event: Odd").replace(OURS, b"7")]


@pytest.mark.parametrize("described", [OTHER, UNKNOWN])
def test_an_event_before_the_response_of_a_module_leaves_the_end_unknown(requester, described):
    answer = opened(requester, b"Foo", described)
    assert answer.event(said(b"Event: Odd"), b"Odd", 1.0, DEADLINES) == UNENDED


def test_a_row_before_the_response_leaves_the_end_unknown(requester):
    assert opened(requester).stray(said(b"Row: 1"), 1.0, DEADLINES) == UNENDED


def test_an_answer_that_is_given_up_is_one_error_and_later_messages_are_dropped(requester):
    answer = opened(requester)
    answer.give_up(b"why")
    assert requester.replies == [b"Response: Error\r\nActionID: 7\r\nMessage: why\r\n\r\n"]
    assert answer.respond(said(b"Response: Success"), 1.0, DEADLINES) == COMPLETE
    answer.finished()
    answer.give_up(b"again")
    assert (len(requester.replies), requester.ends) == (1, [b"why"])


def test_echoes_are_awaited_for_a_minute_and_those_of_a_call_for_longer():
    assert echo_seconds(Action([(b"Action", b"UserEvent")])) == 60.0
    assert echo_seconds(Action([(b"Action", b"Originate"), (b"Timeout", b"5000")])) == 65.0
