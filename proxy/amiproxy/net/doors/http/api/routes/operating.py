"""Routes of operators: the state of the service, what was denied and why, and ending sessions or the service.

Those that change something need class ``command`` and a member ``confirm`` with the name of what they do, so
that neither a mistyped path nor a form of another page does it.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from amiproxy.net.doors.http.api import models
from amiproxy.net.doors.http.api.call import Call
from amiproxy.net.doors.http.api.credentials import unknown
from amiproxy.net.doors.http.api.operator import Shown
from amiproxy.net.doors.http.api.problems import Refused
from amiproxy.net.doors.http.api.rights import may_see_status
from amiproxy.net.doors.http.api.route import Access, Parameter, Route
from amiproxy.net.doors.http.api.routes.actions import message_of

_LAST: Final = Parameter("last", "how many lines at most; without it 100", r"[0-9]{1,4}")
_USUAL: Final = "100"


def _status(call: Call) -> None:
    call.tell(call.place.operator.status())


def _denials(call: Call) -> None:
    last = int(call.query.get("last", _USUAL))
    call.tell({"denials": call.place.operator.denials(last)})


async def _denial(call: Call) -> object:
    return await call.place.operator.denial(int(call.parts["id"]))


async def _explain(call: Call) -> object:
    body: models.Explain = call.body
    names = {name.lower() for name in body.message}
    if len(names & {"action", "event"}) != 1:
        raise Refused(400, "The message needs either Action or Event.")
    headers = {**body.message}
    if "event" in names and next(iter(headers)).lower() != "event":
        raise Refused(400, "The first header of an event is Event.")
    message = message_of({name: _as_read(value) for name, value in headers.items()})
    allowed, lines = await call.place.operator.explain(body.user, message, body.server)
    return models.Explanation(allowed, lines)


def _as_read(value: models.Header) -> object:
    """The value as ``message_of`` takes it: numbers are text."""
    if isinstance(value, list):
        return [_as_read(each) for each in value]
    if isinstance(value, dict):
        return {name: _as_read(each) for name, each in value.items()}
    return value if isinstance(value, bool | str) else str(value)


async def _kick(call: Call) -> object:
    return models.Kicked(await call.place.operator.kick(call.body.target, call.session.user.name))


async def _drain(call: Call) -> object:
    return await call.place.operator.drain(call.session.user.name)


async def _log_level(call: Call) -> object:
    return await call.place.operator.set_log_level(call.body.level, call.session.user.name)


def _doing(work: Callable[[Call], Coroutine[Any, Any, object]]) -> Callable[[Call], None]:
    """A handler that answers with what this returns."""

    async def tell(call: Call) -> None:
        call.tell(await work(call))

    return lambda call: call.begin(tell(call))


def _telling(work: Callable[[Call], Coroutine[Any, Any, object]]) -> Callable[[Call], None]:
    """The same for work that changes nothing and may take time, in which the user may lose its rights."""

    async def tell(call: Call) -> None:
        value = await work(call)
        if call.session.is_over:
            call.exchange.respond(unknown(call.exchange.request))
        elif not may_see_status(call.session.user, call.place.hub):
            raise Refused(403, f"This is for {Access.SYSTEM.value}.")
        else:
            call.tell(value)

    return lambda call: call.begin(tell(call), only_shows=True)


def _showing(path: str, summary: str, what: Shown, answers: Any) -> Route:
    """The route that shows the same as this command of ``ami-proxy ctl``."""
    return Route(
        "GET",
        path,
        f"get_{path[1:]}",
        summary,
        Access.SYSTEM,
        _telling(lambda call: call.place.operator.show(what)),
        answers=answers,
        tag="operators",
        text=f"The same as `ami-proxy ctl {what} --json`.",
    )


def _commanding(
    path: str,
    name: str,
    summary: str,
    work: Callable[[Call], Coroutine[Any, Any, object]],
    body: Any,
    answers: Any,
    **more: Any,
) -> Route:
    """The route of a command that changes something."""
    return Route(
        "POST",
        path,
        name,
        summary,
        Access.COMMAND,
        _doing(work),
        answers=answers,
        tag="operators",
        body=body,
        **more,
    )


ROUTES: Final = (
    Route(
        "GET",
        "/status",
        "get_status",
        "Show a summary of the service",
        Access.SYSTEM,
        _status,
        answers=models.Status,
        tag="operators",
        text="The same as `ami-proxy ctl status --json`.",
    ),
    _showing("/sessions", "List all sessions", "sessions", models.Statuses),
    _showing("/upstream", "Show the links to Asterisk", "upstream", models.Status),
    _showing("/certificates", "List the certificates of each listener", "certs", models.Statuses),
    _showing(
        "/limits", "List the limits, their use, and how often each was reached", "limits", models.Statuses
    ),
    _showing("/history", "Show what is kept of the past and present of each server", "state", models.Status),
    _showing("/fleet", "Show the servers, agents and edges of the fleet", "fleet", models.Status),
    Route(
        "GET",
        "/denials",
        "get_denials",
        "Show what was denied lately, and by which rule",
        Access.SYSTEM,
        _denials,
        answers=models.Denials,
        tag="operators",
        query=(_LAST,),
        text="Lines of the log about denied actions, failed logins, limits and penalties, the oldest first. "
        "The `id` of a denied action is for `/denials/{id}`.",
    ),
    Route(
        "GET",
        "/denials/{id}",
        "get_denial",
        "Show a denied action, and the smallest change of users.yaml that would allow it",
        Access.SYSTEM,
        _telling(_denial),
        answers=models.Denial,
        tag="operators",
        parts=(Parameter("id", "the id of a line of `/denials`", r"[0-9]{1,15}"),),
        errors=(404,),
        text="Secrets in it are masked. The change is proposed, not made.",
    ),
    Route(
        "POST",
        "/explain",
        "explain",
        "Say what the proxy would do with an action or event, and why",
        Access.SYSTEM,
        _telling(_explain),
        answers=models.Explanation,
        tag="operators",
        body=models.Explain,
        errors=(404,),
        text="Nothing is sent to Asterisk. The same as `ami-proxy explain`.",
    ),
    _commanding(
        "/kick",
        "kick",
        "End a session, or all sessions of a user",
        _kick,
        models.Kick,
        models.Kicked,
        errors=(404,),
    ),
    _commanding(
        "/drain",
        "drain",
        "End the service in good order",
        _drain,
        models.Drain,
        models.Drained,
        text="No more clients are accepted, actions in flight are answered, all sessions are closed.",
    ),
    _commanding(
        "/log-level",
        "set_log_level",
        "Set the level of the log until the next reload",
        _log_level,
        models.LogLevel,
        models.Level,
    ),
)
