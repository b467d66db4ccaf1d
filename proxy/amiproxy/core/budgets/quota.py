"""Quota: how much of Asterisk a user may use up: the link session's time, channels' memory, queue members.

Unlike the rates, quotas apply to every user and every address, including those in
``limits.exempt``: they protect all other users.
"""

# mypyc: compiled

from typing import Final, NamedTuple

from amiproxy.ami import holding
from amiproxy.ami.message import Action
from amiproxy.core.limits.members import ADDING
from amiproxy.core.model.limits import Limits
from amiproxy.core.servers.server import Server

#: Actions that have a quota.
BOUNDED: Final = holding.SLEEPING | ADDING | {b"setvar"}


class Excess(NamedTuple):
    """Why an action is refused: the limit's name in the configuration, and a text for the client."""

    limit: str
    text: str


#: The user's actions already wait for so long that one more would wait longer than ``limits.rate_wait``.
TOO_MANY: Final = Excess("link_hold", "Rate limit: too many actions that block Asterisk's session")


def excess(user: str, action: Action, server: Server) -> Excess | None:
    """The quota that an action exceeds which stores something in this Asterisk; None if it exceeds none."""
    limits = server.limits
    if action.key != b"setvar":
        most = limits.queue_members
        if not server.members.is_full(user, action, most):
            return None
        return Excess("queue_members", f"Too many members: at most {most} in a queue for each user")
    limit = server.stored.excess(user, action, limits)
    if not limit:
        return None
    if limit == "channel_variables":
        what = f"{limits.channel_variables} names"
    else:
        what = f"{limits.channel_variable_bytes} bytes"
    return Excess(limit, f"Too many variables: at most {what} on a channel for each user")


def parts_of(action: Action, limits: Limits) -> list[Action] | Excess:
    """The actions to send in place of one that sleeps in Asterisk, each after the one before it."""
    parts = holding.within(action, limits.link_hold)
    if not parts:
        return Excess(
            "link_hold", f"It would block Asterisk's session for more than {limits.link_hold:g} s at once"
        )
    seconds = sum(holding.seconds_of(part) for part in parts)
    if len(parts) > 1 and seconds / limits.link_hold > limits.rate_wait:
        return Excess(
            "link_hold",
            f"It would block Asterisk's session for {seconds:.1f} s, {limits.link_hold:g} s at a time",
        )
    return parts
