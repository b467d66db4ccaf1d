"""EventView: which events a client may see, of which servers."""

# mypyc: compiled

from typing import NamedTuple

from amiproxy.ami.eventfilter import FilterSet
from amiproxy.core.model.rules import Scope


class Sight(NamedTuple):
    """What a client may see of the events of one server; ``server`` is the server's name."""

    server: str
    #: The mask of the privilege classes.  Even with 0, a client of several servers is sent the events about
    #: the loss and the return of the link.
    mask: int
    #: The calls; None for all calls, and for events of no call.
    scope: Scope | None


class EventView(NamedTuple):
    """What a client may see.  Clients with equal views, and the same encoding, share a subscription."""

    #: None for no filters.
    filters: FilterSet | None
    #: One for each server that it may use.
    sights: tuple[Sight, ...]
    #: What it may see of the proxy's own events, and the server that these seem to come from; "" for a client
    #: of several servers.
    own: Sight
    #: Whether each event of a server is stamped with its name, because the client sees those of several.
    named: bool
    #: Whether each event of a server bears its position there, because the client asked for that.  Without a
    #: journal of that server, none does.
    numbered: bool = False
    #: Whether the client is sent only the proxy's own events by its subscription: it reads the others from
    #: the journals of the servers.
    own_only: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it admits no event at all."""
        return not self.own.mask and not any(sight.mask for sight in self.sights)


def bound_view(filters: FilterSet | None, sight: Sight, *, numbered: bool = False) -> EventView:
    """The view of a client that is bound to one server."""
    return EventView(filters, (sight,), sight, named=False, numbered=numbered)


def multi_view(
    filters: FilterSet | None,
    sights: tuple[Sight, ...],
    mask: int,
    scope: Scope | None,
    *,
    numbered: bool = False,
) -> EventView:
    """The view of a client of several servers; ``mask`` and ``scope`` are for the proxy's own events."""
    return EventView(filters, sights, Sight("", mask, scope), named=True, numbered=numbered)
