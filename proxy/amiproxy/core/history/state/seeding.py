"""Seeding: the lists of one kind are asked, one after another, and their items collected."""

# mypyc: compiled

from typing import Final, Protocol

from amiproxy.ami.answers import succeeded
from amiproxy.ami.listqueries import says_empty
from amiproxy.ami.message import Action, Message
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.kind import Kind, Seed

#: A kind of more items than this is asked for over another link than that of the events, because Asterisk
#: and the proxy would take several milliseconds for it, in which nothing else comes over the same link.
MANY: Final = 250
#: Bytes of the text of an error that are kept.
_LONGEST: Final = 200


class ListReader(Protocol):
    """What a list is given to; see ``Collector`` in core/servers/answers/own.py."""

    def response(self, raw: bytes) -> None:
        """Take a response, which may be an error."""

    def item(self, raw: bytes) -> None:
        """Take an item."""

    def ended(self) -> None:
        """The answer is complete; nothing more comes."""

    def failed(self, reason: bytes) -> None:
        """The rest of the answer will not come."""


class Lists(Protocol):
    """Asks an Asterisk for lists."""

    @property
    def lists_apart(self) -> bool:
        """Whether all lists come over another link than the events."""

    def ask_list(self, action: Action, reader: ListReader, *, long: bool) -> None:
        """Ask for a list; it may have failed before this returns.

        Over the link of the events, or, if it is ``long``, perhaps over another one.
        """

    def fault(self, error: Exception, where: str) -> None:
        """Report an internal error: of the state only, so that events are passed on all the same."""


class SeedingOwner(Protocol):
    """What a seeding reports to: the state."""

    def seeded(self, seeding: "Seeding") -> None:
        """All lists have been answered: ``answers`` are their items."""

    def unseeded(self, seeding: "Seeding", reason: str, *, refused: bool) -> None:
        """A list has failed; ``refused``: Asterisk answered with an error, such as for a missing module."""


class Seeding:
    """One round of the lists of a kind.

    Over the link of the events a list is ahead of them, never behind: events that come after its end may
    still tell what it has told already.  Over another link it may also be behind those that come before its
    end, and so are the first of several lists.  ``missed`` are these events: they have to be applied to what
    the lists say.
    """

    __slots__ = (
        "_heard",
        "_lists",
        "_owner",
        "_seeds",
        "_whole",
        "answers",
        "began",
        "is_audit",
        "missed",
        "name",
    )

    def __init__(
        self, kind: Kind, lists: Lists, owner: SeedingOwner, began: float, *, is_audit: bool
    ) -> None:
        """``began`` is the time, in monotonic seconds.

        ``is_audit``: the events so far should have told all that the lists tell.
        """
        self.name = kind.name
        self.began = began
        self.is_audit = is_audit
        self.answers: list[Fields] = []
        #: Events, oldest first; None while none has to be kept.
        self.missed: list[Fields] | None = [] if len(kind) > MANY or lists.lists_apart else None
        self._lists = lists
        self._owner = owner
        self._seeds = list(kind.lists)
        #: Where the lists after these come from; None once they were asked for.
        self._whole: Kind | None = kind
        #: Whether any list was not refused.
        self._heard = False

    def go_on(self) -> None:
        """Ask for the next list, or report the end."""
        if not self._seeds and self._whole is not None:
            self._seeds = self._whole.further(self.answers)
            self._whole = None
        if self._seeds:
            seed = self._seeds.pop(0)
            self._lists.ask_list(seed.action, _Reader(self, seed), long=self.missed is not None)
        else:
            self._owner.seeded(self)

    def listed(self, items: list[Fields]) -> None:
        """A list is complete."""
        self._heard = True
        self._proceed(items)

    def refused(self, seed: Seed, error: bytes) -> None:
        """Asterisk has answered with an error."""
        if says_empty(error):
            self.listed([])
        elif seed.optional and (self._heard or self._seeds):
            self._proceed([])
        else:
            text = Message(error).get(b"message")[:_LONGEST].decode("ascii", "replace")
            self._owner.unseeded(self, text, refused=True)

    def _proceed(self, items: list[Fields]) -> None:
        self.answers += items
        if self.missed is None and (self._seeds or self._whole is not None):
            self.missed = []
        self.go_on()

    def failed(self, reason: bytes) -> None:
        """An answer was lost."""
        self._owner.unseeded(self, reason.decode("ascii", "replace"), refused=False)


class _Reader:
    """Reads one list."""

    __slots__ = ("_error", "_items", "_seed", "_seeding")

    def __init__(self, seeding: Seeding, seed: Seed) -> None:
        self._seeding = seeding
        self._seed = seed
        self._items: list[Fields] = []
        self._error = b""

    def response(self, raw: bytes) -> None:
        """See ListReader."""
        if not succeeded(raw):
            self._error = raw

    def item(self, raw: bytes) -> None:
        """See ListReader."""
        fields = Fields(raw)
        if fields.name in self._seed.items:
            self._items.append(fields)

    def ended(self) -> None:
        """See ListReader."""
        if self._error:
            self._seeding.refused(self._seed, self._error)
        else:
            self._seeding.listed(self._items)

    def failed(self, reason: bytes) -> None:
        """See ListReader."""
        self._seeding.failed(reason)
