"""Mailboxes: how many messages wait in each, in the form of the event ``MessageWaiting``.

An Asterisk has at most one of two native lists: ``VoicemailUsersList`` of app_voicemail, whose items also
have names, addresses and settings that no event tells, and ``MWIGet`` of res_mwi_external_ami.  The event
is the same for both, so the items have its form.
"""

# mypyc: compiled

from collections.abc import Callable
from typing import Final

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, carrier, form
from amiproxy.core.history.state.kind import Kind, Picture, seed, synthetic

_FORM: Final = form(
    b"MessageWaiting",
    "Mailbox Waiting New Old",
    "Mailbox",
    "Waiting New Old",
    [carrier(b"MessageWaiting", b"call", "Mailbox Waiting New Old")],
)

#: Of each list: the headers of its items that have the numbers of new and of old messages.
_COUNTS: Final = {
    b"VoicemailUserEntry": (b"newmessagecount", b"oldmessagecount"),
    b"MWIGet": (b"newmessages", b"oldmessages"),
}


class Mailboxes(Kind):
    """Kind ``mailboxes``.

    Events also report mailboxes that no list has, such as those that only ARI knows.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "mailboxes"
        self.lists = (
            seed(b"VoicemailUsersList", "VoicemailUserEntry", optional=True),
            seed(b"MWIGet", "MWIGet", (b"Mailbox", b"/.*/"), optional=True),
        )
        self.forms = {b"MessageWaiting": _FORM}
        self.events = {b"MessageWaiting": self._counted}
        self.modules = frozenset(
            b"app_voicemail app_voicemail_imap app_voicemail_odbc res_mwi_external_ami".split()
        )

    def item_of(self, fields: Fields) -> Item | None:
        """The item that an item of a list tells; see ``Kind.item_of``."""
        counts = _COUNTS.get(fields.name)
        if counts is None:
            return None
        mailbox = fields.only(b"mailbox")
        if fields.name == b"VoicemailUserEntry" and (number := fields.only(b"voicemailbox")):
            context = fields.only(b"vmcontext")
            mailbox = number + b"@" + context if context else number
        return _item(mailbox, fields.only(counts[0]), fields.only(counts[1]))

    def _counted(self, event: Fields) -> None:
        # The event of a call begins with its channel, whose values a caller may have chosen.
        item = _item(event.only(b"mailbox"), event.only(b"new"), event.only(b"old"))
        if item is None:
            self.is_outdated = True
        else:
            self._items[item.key] = item

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """The event that ends an item; see ``Kind.closing``."""
        nothing = [(b"Waiting", b"0"), (b"New", b"0"), (b"Old", b"0")]
        return [synthetic(b"MessageWaiting", b"call", [(b"Mailbox", item.key), *nothing])]


def _item(mailbox: bytes, new: bytes, old: bytes) -> Item | None:
    if not mailbox or not new.isdigit() or not old.isdigit():
        return None
    waiting = b"1" if new.strip(b"0") else b"0"
    return Item(_FORM, mailbox, {b"Mailbox": mailbox, b"Waiting": waiting, b"New": new, b"Old": old})
