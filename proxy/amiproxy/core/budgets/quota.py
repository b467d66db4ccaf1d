"""Quota: how much of Asterisk a user may use up: the link session's time, channels' memory, queue members.

Unlike the rates, quotas apply to every user and every address, including those in
``limits.exempt``: they protect all other users.
"""

# mypyc: compiled

from typing import TYPE_CHECKING, Final

from amiproxy.ami.message import Action
from amiproxy.core.budgets.rests import Rest
from amiproxy.core.budgets.series import Series
from amiproxy.core.limits.members import ADDING
from amiproxy.core.servers import holding

if TYPE_CHECKING:
    from amiproxy.core.clients.session import Session

#: Actions that have a quota.
BOUNDED: Final = holding.SLEEPING | ADDING | {b"setvar"}


def admit(session: "Session", asked: Action, judged: Action, *, rested: bool) -> Action | None:
    """Apply the quota to a judged action; returns the action to send now.

    None if the action was refused or is scheduled to run later.  ``asked`` is the action as
    the client sent it, which is judged again when it runs later.  ``rested`` says that it has
    already waited.
    """
    if judged.key == b"setvar":
        return _store(session, judged)
    if judged.key in ADDING:
        return _add(session, judged)
    return _sleep(session, asked, judged, rested)


def _store(session: "Session", action: Action) -> Action | None:
    bounds = session.hub.bounds
    assert session.user is not None
    limit = bounds.stored.excess(session.user.name, action, bounds.limits)
    if not limit:
        return action
    value = bounds.limits.channel_variables
    what = "names" if limit == "channel_variables" else "bytes"
    if what == "bytes":
        value = bounds.limits.channel_variable_bytes
    _refuse(session, action, limit, f"Too many variables: at most {value} {what} on a channel for each user")
    return None


def _add(session: "Session", action: Action) -> Action | None:
    bounds = session.hub.bounds
    assert session.user is not None
    most = bounds.limits.queue_members
    if not bounds.members.is_full(session.user.name, action, most):
        return action
    _refuse(session, action, "queue_members", f"Too many members: at most {most} in a queue for each user")
    return None


def _sleep(session: "Session", asked: Action, action: Action, rested: bool) -> Action | None:
    hub = session.hub
    limits = hub.limits
    parts = holding.within(action, limits.link_hold)
    if not parts:
        text = f"It would block Asterisk's session for more than {limits.link_hold:g} s at once"
        _refuse(session, action, "link_hold", text)
        return None
    seconds = [holding.seconds_of(part) for part in parts]
    if len(parts) > 1 and sum(seconds) / limits.link_hold > limits.rate_wait:
        text = f"It would block Asterisk's session for {sum(seconds):.1f} s, {limits.link_hold:g} s at a time"
        _refuse(session, action, "link_hold", text)
        return None
    if seconds[0] > 0 and not rested:
        rests = hub.bounds.rates.rests(session)
        wait = rests.wait(seconds[0])
        if wait > limits.rate_wait:
            _refuse(
                session, action, "link_hold", "Rate limit: too many actions that block Asterisk's session"
            )
            return None
        if wait > 0:
            session.hit("link_hold", action=action.name)
            session.hold_back(asked)
            rests.join(Rest(session, seconds[0], lambda: _rested(session, asked)))
            return None
        rests.take(seconds[0])
    if len(parts) == 1:
        return parts[0]
    session.series = Series(parts)
    return session.series.next()


def _rested(session: "Session", asked: Action) -> None:
    session.let_go()
    session.run(asked, rested=True)
    session.advance()


def _refuse(session: "Session", action: Action, limit: str, text: str) -> None:
    session.hit(limit, action=action.name)
    session.deny(action, f"{text} (limits.{limit})".encode(), f"limits.{limit}")
