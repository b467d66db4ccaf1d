"""The action Originate."""

import asyncio
import re

from amiproxy.ami import privilege
from amiproxy.ami.values import ast_true
from amiproxy.tools.simulator.calls.originated import Order, OriginatedCall
from amiproxy.tools.simulator.pbx.dialplan import Outcome, extension_outcome
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Session

#: Asterisk's default, milliseconds.
_TIMEOUT = 30000
_CALLER = re.compile(r'"?(?P<name>[^"<]*?)"?\s*<(?P<number>[^>]*)>')
#: Texts that ``Application`` and ``Data`` may not contain without class system, as in Asterisk 22.
_APPS = ("agi", "dbdeltree", "exec", "externalivr", "mixmonitor", "originate", "reload", "system")
_DATA = ("CURL", "DB", "EVAL", "FILE", "ODBC", "REALTIME", "SHELL")


async def originate(session: Session, request: Request) -> None:
    """Place a call; a synchronous one blocks the session until its outcome is known."""
    assert session.user is not None
    wrong = _fault(request) or _forbidden(request, session.user.write_mask)
    if wrong:
        session.refuse(request, wrong)
        return
    order = _order(request)
    decided: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def decide(outcome: Outcome) -> None:
        if not decided.done():
            decided.set_result(outcome)

    host = session.host
    call = OriginatedCall(host.pbx, order, host.settings.ringing, decide)
    if order.asynchronous:
        session.succeed(request, "Originate successfully queued")
        host.timeline.start(call, host.pbx.clock())
        return
    if not order.application and not (order.context and order.exten and order.priority):
        session.refuse(request, "Originate with 'Exten' requires 'Context' and 'Priority'")
        return
    host.timeline.start(call, host.pbx.clock())
    if await decided is Outcome.ANSWER:
        session.succeed(request, "Originate successfully queued")
    else:
        session.refuse(request, "Originate failed")


def _fault(request: Request) -> str | None:
    channel, priority = request.text("Channel"), request.text("Priority")
    if not channel:
        return "Channel not specified"
    if priority and not priority.isdigit():
        return "Invalid priority"
    if not re.fullmatch(r"[+-]?\d*", request.text("Timeout")):
        return "Invalid timeout"
    if "/" not in channel:
        return "Invalid channel"
    context, exten = request.text("Context"), request.text("Exten")
    if context and exten and priority and extension_outcome(context, exten) is None:
        return "Extension does not exist."
    return None


def _forbidden(request: Request, write: int) -> str | None:
    app, data = request.text("Application").lower(), request.text("Data")
    if app and not write & privilege.SYSTEM:
        runs_agi = "queue" in app and len(data.split(",")) > 5 and data.split(",")[5] != ""
        if (
            any(name in app for name in _APPS)
            or (runs_agi and not write & privilege.AGI)
            or any(word in data for word in _DATA)
        ):
            return "Originate Access Forbidden: app or data blacklisted"
    return None


def _order(request: Request) -> Order:
    caller = request.text("CallerID")
    found = _CALLER.fullmatch(caller)
    number, name = (found["number"], found["name"]) if found else (caller, "")
    timeout = int(request.text("Timeout") or _TIMEOUT)
    return Order(
        channel=request.text("Channel"),
        context=request.text("Context"),
        exten=request.text("Exten"),
        priority=int(request.text("Priority") or 0),
        application=request.text("Application"),
        data=request.text("Data"),
        # A timeout of zero or less means none.
        timeout=timeout / 1000 if timeout > 0 else float("inf"),
        caller=(number or "<unknown>", name or "<unknown>"),
        variables=tuple(request.variables()),
        asynchronous=ast_true(request.get(b"async")),
        action_id=request.text("ActionID"),
    )


ACTIONS = {"Originate": ("Originate a call.", originate)}
