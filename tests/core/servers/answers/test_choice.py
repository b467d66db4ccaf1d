"""The class of an answer follows from the description of its action."""

import pytest

from amiproxy.ami.actions import answer_of
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.answers.choice import awaited
from amiproxy.core.servers.answers.lists import ListAnswer
from amiproxy.core.servers.answers.oneevent import OneEventAnswer
from amiproxy.core.servers.answers.response import ResponseAnswer, UndescribedAnswer
from tests.support.answers import Requester

DESCRIBED = {
    b"single": Answer(AnswerKind.RESPONSE),
    b"listed": Answer(AnswerKind.LIST, b"ListedComplete"),
    b"endless": Answer(AnswerKind.LIST),
    b"evented": Answer(AnswerKind.EVENT),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"CoreStatus", ResponseAnswer),
        (b"Originate", ResponseAnswer),
        (b"CoreShowChannels", ListAnswer),
        (b"FAXStats", OneEventAnswer),
        (b"Single", ResponseAnswer),
        (b"Listed", ListAnswer),
        (b"Endless", UndescribedAnswer),
        (b"Evented", OneEventAnswer),
        (b"Unheard", UndescribedAnswer),
    ],
)
def test_each_description_selects_its_class(name: bytes, kind: type[PendingAnswer]) -> None:
    described = answer_of(name.lower(), DESCRIBED)
    answer = awaited(Requester(), Action([(b"Action", name)]), described)
    assert type(answer) is kind
    assert answer.described is described
