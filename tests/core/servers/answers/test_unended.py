"""The rest of an answer whose end is not marked."""

from amiproxy.ami.answers import UNKNOWN
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers.base import COMPLETE, LISTING, PENDING
from amiproxy.core.servers.answers.response import UndescribedAnswer
from amiproxy.core.servers.answers.unended import UnendedAnswer
from tests.support.answers import DEADLINES, OURS, Requester, said


def begun(requester: Requester) -> UnendedAnswer:
    first = UndescribedAnswer(requester, Action([(b"Action", b"Foo"), (b"ActionID", b"7")]), UNKNOWN)
    first.relay_id = OURS
    first.respond(said(b"Response: Success"), 1.0, DEADLINES)
    return UnendedAnswer(first, 1.0, DEADLINES)


def test_further_responses_and_events_are_passed_on():
    requester = Requester()
    answer = begun(requester)
    assert answer.respond(said(b"Response: Success", b"Part: 2"), 2.0, DEADLINES) == LISTING
    assert answer.event(said(b"Event: Odd"), b"Odd", 2.0, DEADLINES) == PENDING
    assert [reply.split(b"\r\n")[0] for reply in requester.replies] == [
        b"Response: Success",
        b"Response: Success",
        b"Event: Odd",
    ]


def test_a_later_answer_ends_it():
    assert begun(Requester()).overtaken() == COMPLETE
