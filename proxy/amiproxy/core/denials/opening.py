"""Opening: the smallest change of a user's rights under which a denied action would be allowed.

It is found by trial, not by reasoning: each step adds what could overcome the refusal, and the policy judges
again, until it allows the action.  Of all ways the cheapest is taken: a name in a list costs the least, a
privilege class more, and class ``system``, which is equivalent to a shell, the most.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Final, NamedTuple

import msgspec

from amiproxy.ami import privilege
from amiproxy.ami.actions import ActionTable
from amiproxy.ami.message import Action
from amiproxy.core.denials.ways import Rights, Way, is_same, ways
from amiproxy.core.model.rules import ActionNames, Rules
from amiproxy.core.policy import Deny, Judged, judge, may_run
from amiproxy.steps import Steps

#: Rights that are tried at most for one action, so that every search ends.
_MOST_TRIED: Final = 400
#: Other actions that are denied by name if a class would open them, and that there may be at most.
_MOST_DENIED: Final = 60
_NO_HIDDEN: Final[frozenset[bytes]] = frozenset()


class Opening(NamedTuple):
    """The rights before and after; ``also`` are the names of other actions that they open as well."""

    before: Rights
    after: Rights
    also: tuple[str, ...]


def least_opening(
    user: Judged,
    action: Action,
    table: ActionTable,
    can_be_written: Callable[[Rules], bool],
    hidden: frozenset[bytes] = _NO_HIDDEN,
) -> Steps[Opening | None]:
    """The smallest change that allows a denied action; None if there is none, or if it is allowed.

    A step judges one set of rights: with many rules and names, all steps together can take a second.

    ``can_be_written`` returns whether users.yaml may contain such rules.  ``hidden`` are the names, in lower
    case, of headers whose values are masked, so that no rule may be made of them.
    """
    start = Rights(user.write, user.rules, user.history)
    numbers = count()
    waiting: list[tuple[int, int, Rights, Deny | None]] = [
        (0, next(numbers), start, refusal_of(start, action, table))
    ]
    tried = {start}
    while waiting and len(tried) <= _MOST_TRIED:
        cost, _, rights, refused = heappop(waiting)
        if refused is None:
            return None if rights == start else _opening(start, rights, action, table, can_be_written)

        def left(candidate: Rights) -> Deny | None:
            return refusal_of(candidate, action, table)

        for way in ways(Way(rights, action, refused, table, hidden, left)):
            yield
            if way is None:
                continue
            after = way.rights
            if after in tried or not (after.rules is None or can_be_written(after.rules)):
                continue
            found = left(after)
            if not is_same(found, refused):
                tried.add(after)
                heappush(waiting, (cost + way.cost, next(numbers), after, found))
    return None


def refusal_of(user: Judged, action: Action, table: ActionTable) -> Deny | None:
    """Why the policy denies this action; None if it allows it."""
    refused: Deny | None = None
    for step in judge(user, action, table):
        refused = step.deny
    return refused


def _opening(
    before: Rights,
    after: Rights,
    action: Action,
    table: ActionTable,
    can_be_written: Callable[[Rules], bool],
) -> Opening:
    """The change, in which a new class opens no other action if that takes a few names only."""
    also = _others(before, after, action, table)
    if also and after.write != before.write and not after.write & ~before.write & privilege.SYSTEM:
        rules = after.rules if after.rules is not None else Rules()
        names = rules.actions if rules.actions is not None else ActionNames()
        denying = msgspec.structs.replace(
            rules, actions=ActionNames(allow=names.allow, deny=(*names.deny, *also))
        )
        if len(also) <= _MOST_DENIED and can_be_written(denying):
            return Opening(before, after._replace(rules=denying), ())
    return Opening(before, after, also)


def _others(before: Rights, after: Rights, action: Action, table: ActionTable) -> tuple[str, ...]:
    return tuple(
        sorted(
            listed.name.decode("latin-1")
            for listed in table
            if listed.name.lower() != action.key and may_run(after, listed) and not may_run(before, listed)
        )
    )
