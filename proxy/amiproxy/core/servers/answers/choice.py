"""Which class of answer an action is given."""

# mypyc: compiled

from typing import Final

from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.answers.lists import ListAnswer
from amiproxy.core.servers.answers.oneevent import OneEventAnswer
from amiproxy.core.servers.answers.response import ResponseAnswer, UndescribedAnswer
from amiproxy.core.servers.requester import Requester

# Up to Python 3.11, reading an enum member from its class calls Python code.
_RESPONSE: Final = AnswerKind.RESPONSE
_EVENT: Final = AnswerKind.EVENT


def awaited(requester: Requester, action: Action, described: Answer) -> PendingAnswer:
    """The answer that is awaited to an action that need not be alone on the link."""
    if described.complete:
        return ListAnswer(requester, action, described)
    if described.kind is _RESPONSE:
        return ResponseAnswer(requester, action, described)
    if described.kind is _EVENT:
        return OneEventAnswer(requester, action, described)
    return UndescribedAnswer(requester, action, described)
