"""The route that runs an AMI action."""

from typing import Final

from amiproxy.ami.encodings import json, jsonactions
from amiproxy.net.doors.http.api import models
from amiproxy.net.doors.http.api.call import Call
from amiproxy.net.doors.http.api.outcomes import status_of
from amiproxy.net.doors.http.api.problems import Refused
from amiproxy.net.doors.http.api.route import Access, Parameter, Route
from amiproxy.net.loop import gently
from amiproxy.steps import Steps

#: Actions about the login and the events of a connection: they have routes of their own, or no meaning here.
_OF_CONNECTIONS: Final = frozenset(
    {"challenge", "events", "filter", "login", "logoff", "proxyresume", "waitevent"}
)


def _run(call: Call) -> None:
    name = call.parts["action"]
    if name.lower() in _OF_CONNECTIONS:
        raise Refused(404, f"{name} is about one connection and its events: use /session and /events.")
    if any(header.lower() == "action" for header in call.body):
        raise Refused(400, "Only the path names the action.")
    call.run(message_of({"Action": name, **call.body}), lambda data: call.begin(_answer(call, data)))


def message_of(headers: dict[str, object]) -> bytes:
    """The AMI message with these headers, as JSON gave them.  Raises Refused if they cannot be headers."""
    try:
        return jsonactions.action_of(headers)
    except jsonactions.UnfitAction as error:
        raise Refused(400, str(error)) from error


async def _answer(call: Call, data: bytes) -> None:
    answer = await gently.in_loop(_reading(data))
    status = status_of(data, answer.kind, answer.text)
    if status == 200:
        call.answer(b'{"response":%b,"events":[%b]}' % (answer.response, b",".join(answer.items)))
    else:
        call.refuse(status, answer.text.decode("utf-8", "replace"), response=answer.response)


def _reading(data: bytes) -> Steps[json.Answer]:
    """As ``json.answer``, in steps: a long list takes a while."""
    first, *rest = json.messages_in(data) or [b""]
    answer = json.answer(first)
    for raw in rest:
        yield
        answer.items.append(json.event_object(raw))
    return answer


ROUTES: Final = (
    Route(
        "POST",
        "/actions/{action}",
        "run_action",
        "Run an AMI action, and get its whole answer",
        Access.SESSION,
        _run,
        answers=models.Answer,
        tag="actions",
        parts=(
            Parameter(
                "action", "the action's name, such as CoreShowChannels", r"[A-Za-z][A-Za-z0-9_-]{0,63}"
            ),
        ),
        body=models.Headers,
        errors=(404, 409, 422, 503, 504),
        text=(
            "The body has the other headers of the action. A header that occurs more than once is an array; "
            "`Variable` may be an object. 403: the proxy's policy, or Asterisk, denies it. 504: whether "
            "Asterisk has done it is not known. The proxy never tries an action a second time."
        ),
    ),
)
