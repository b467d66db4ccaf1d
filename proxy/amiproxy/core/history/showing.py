"""Showing: which items of the kept state a client may see, which of their fields, and how they are written.

A client may see of an item what its event rights let it learn.  So the events that tell an item (its
carriers) are judged as if they were sent now: by the classes that the client reads, by its scope, and by its
filters.  An item that none of them may tell is hidden, and of the others the fields that no admitted event
tells.  The event mask does not count: it says what the client wants to be sent, not what it may see.
"""

# mypyc: compiled

from collections.abc import Iterable

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet
from amiproxy.ami.stamp import stamped
from amiproxy.core.calls.callfacts import read_facts
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.history.state.item import Carrier, Form, Item, Values
from amiproxy.core.model.rules import Scope


class _Plan:
    """What classes alone say about the items of one form."""

    __slots__ = ("_shares", "carriers", "doubtful", "form", "is_whole", "sure")

    def __init__(self, form: Form, mask: int) -> None:
        self.form = form
        #: Whether every carrier is readable: then the fields that no event tells are shown, too.  Without any
        #: carrier, that takes all classes.
        self.is_whole = privilege.may_read(mask, form.required or privilege.UNKNOWN)
        #: The carriers that are readable, each with its bit in a set of them.
        self.carriers: list[tuple[int, Carrier]] = []
        for carrier in form.carriers:
            if privilege.may_read(mask, carrier.required):
                self.carriers.append((1 << len(self.carriers), carrier))
        #: Those that have told each item, as a set; and those that have told some.
        self.sure = sum(bit for bit, carrier in self.carriers if not carrier.needs)
        self.doubtful = [pair for pair in self.carriers if pair[1].needs]
        self._shares: dict[int, frozenset[bytes]] = {}

    def share(self, admitted: int) -> frozenset[bytes]:
        """The fields that a set of the carriers tells, and the keys."""
        found = self._shares.get(admitted)
        if found is None:
            fields = set(self.form.keys)
            for bit, carrier in self.carriers:
                if admitted & bit:
                    fields.update(carrier.fields)
            found = self._shares[admitted] = frozenset(fields)
        return found

    def sent(self, item: Item) -> int:
        """The set of those carriers that have told the item."""
        sent = self.sure
        for bit, carrier in self.doubtful:
            for name in carrier.needs:
                if not item.values.get(name):
                    break
            else:
                sent |= bit
        return sent


class Showing:
    """What clients of one view may see of the state of one server."""

    __slots__ = ("_filters", "_mask", "_plans", "_scope", "_stamp", "_tracker")

    def __init__(
        self,
        mask: int,
        filters: FilterSet | None,
        scope: Scope | None,
        tracker: CallTracker | None,
        stamp: bytes = b"",
    ) -> None:
        """``mask``: the classes that the clients read at this server, whatever their event masks.

        ``tracker`` follows the calls of the server; without one, a scope shows no call.  ``stamp`` is the
        end of each event that such a client is sent (see ``stamp_of``); b"" if it has no header ``Server``.
        """
        self._mask = mask
        self._filters = filters or None
        self._scope = scope
        self._tracker = tracker
        self._stamp = stamp
        #: By the identity of their forms, which they keep alive.
        self._plans: dict[int, _Plan] = {}

    def may_see(self, forms: Iterable[Form]) -> bool:
        """Whether the classes admit an item of one of these forms at all."""
        return any(plan.is_whole or plan.carriers for plan in map(self._plan, forms))

    def shown(self, item: Item) -> Values | None:
        """The fields of an item that may be shown now; None if it is hidden."""
        plan = self._plan(item.form)
        scoped = False
        if self._scope is not None:
            facts = item.facts()
            if facts is None:
                # The events of an item of no call may be about a device of the user's all the same.
                scoped = True
            elif self._tracker is None or not self._tracker.shows(self._scope, facts):
                return None
        if self._filters is None and not scoped:
            if plan.is_whole:
                return item.values
            admitted = plan.sent(item)
        else:
            admitted, everything = self._admitted(plan, item, scoped)
            if everything and plan.is_whole:
                return item.values
        if not admitted:
            return None
        share = plan.share(admitted)
        return {name: value for name, value in item.values.items() if name in share}

    def _admitted(self, plan: _Plan, item: Item, scoped: bool) -> tuple[int, bool]:
        """The carriers whose events are admitted, and whether these are all that have told the item."""
        admitted = 0
        everything = True
        for bit, carrier in plan.carriers:
            event = item.as_event(carrier)
            if event is None:
                continue
            is_hidden = carrier.is_of_others and self._filters is not None
            if not is_hidden and self._admits(event, scoped):
                admitted |= bit
            else:
                everything = False
        return admitted, everything and admitted > 0

    def _admits(self, event: bytes, scoped: bool) -> bool:
        if scoped:
            tracker, scope = self._tracker, self._scope
            assert scope is not None
            if tracker is None or not tracker.shows(scope, read_facts(event)):
                return False
        if self._filters is None:
            return True
        return self._filters.admits(stamped(event, self._stamp) if self._stamp else event)

    def _plan(self, form: Form) -> _Plan:
        plan = self._plans.get(id(form))
        if plan is None:
            plan = self._plans[id(form)] = _Plan(form, self._mask)
        return plan

    def written(self, item: Item, echo: bytes) -> bytes:
        """The item as a message in the form of the native list, stamped; b"" if it is hidden.

        ``echo`` is the line of the ActionID, with its line end; b"" if there is none.
        """
        values = self.shown(item)
        if values is None:
            return b""
        parts = [b"Event: ", item.form.event, b"\r\n", echo]
        for name, value in values.items():
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        raw = b"".join(parts)
        return stamped(raw, self._stamp) if self._stamp else raw
