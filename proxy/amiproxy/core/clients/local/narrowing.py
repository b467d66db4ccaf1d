"""Narrowing: the event filters that a client adds to its session, by which it is sent less."""

# mypyc: compiled

from collections.abc import Iterable
from typing import Final

from amiproxy.ami import eventfilter
from amiproxy.ami.errors import FilterSyntaxError
from amiproxy.ami.eventfilter import EventFilter
from amiproxy.core.clients.session import Session

#: Most filters that one session may add; each is evaluated for every event.
_FILTER_LIMIT: Final = 32
#: Most cost of them together, in characters of the regular expressions that run over each event.
_FILTER_COST: Final = 512


def with_added(session: Session, added: Iterable[tuple[bytes, bytes]]) -> tuple[EventFilter, ...]:
    """The filters of the session with these added, which are pairs of match criteria and a pattern.

    Without criteria it is a filter in Asterisk's legacy form.  Raises FilterSyntaxError.
    """
    filters = list(session.principal.filters)
    for criteria, pattern in added:
        if criteria:
            filters.append(eventfilter.compile_advanced(criteria, pattern, eventfilter.CLIENT_LIMIT))
        else:
            filters.append(eventfilter.compile_legacy(pattern, eventfilter.CLIENT_LIMIT))
    cost = sum([one.cost for one in filters])
    if len(filters) > _FILTER_LIMIT or cost > _FILTER_COST:
        raise FilterSyntaxError("Too many filters in this session")
    return tuple(filters)


def narrow(session: Session, filters: tuple[EventFilter, ...]) -> None:
    """Replace the filters of the session, from the next event on."""
    session.principal.filters = filters
    session.ctx.subscribe(session.member)
