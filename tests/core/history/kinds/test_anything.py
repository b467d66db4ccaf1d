"""Kinds take whatever lists and events say: callers can forge whole events, and text in items of lists."""

from random import Random

import pytest

from amiproxy.core.history.corrections import corrections
from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Form
from amiproxy.core.history.state.kept import Kept
from amiproxy.core.history.state.seeding import Seeding
from tests.support.core_doubles import HandClock

VALUES = (
    *("", "0", "1", "2", "7", "-1", "1.5", "a", "b", "a;@b", ";@", "a\0b", "on", "yes", "static"),
    *("PJSIP/a", "PJSIP/b", "SIP/a", "SIP", "IAX", "192.0.2.1:5060", "00:00:99999999999999"),
    *("holding_bridge", "simple_bridge", "INUSE", "UNKNOWN", "Unavailable", "Registered", "Removed"),
    *("9" * 400, "9" * 5000),
)
#: Headers that only events or answers have, and no item.
OTHERS = [
    "Newname",
    "ToBridgeUniqueid",
    "FromBridgeUniqueid",
    "Count",
    "HoldTime",
    "DestUniqueid",
    "Interface",
    "MemberName",
    "Address",
    "AOR",
    "URI",
    "EndpointName",
    "ContactStatus",
    "PeerStatus",
    "VoiceMailbox",
    "VMContext",
    "NewMessageCount",
    "OldMessageCount",
    "NewMessages",
    "OldMessages",
    "Contacts",
    "BridgeUniqueid",
    "BridgeNumChannels",
    "TalkTime",
    "Uniqueid",
]


def headers_of(form: Form) -> set[str]:
    names = {*form.fields, *(name for carrier in form.carriers for name in carrier.fields.values())}
    return {name.decode() for name in names}


class Liar:
    """Says anything about one kind of each; the same for the same seed."""

    lists_apart = False

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.clock = HandClock()
        self.kept = [Kept(make, self.clock.now) for make in KINDS]

    def ask_list(self, *_: object, **__: object) -> None:
        """See Lists."""

    def message(self, name: bytes, kept: Kept) -> Fields:
        names = {*OTHERS, *(name for form in kept.kind.forms.values() for name in headers_of(form))}
        lines = [
            f"{each}: {self.random.choice(VALUES)}" for each in sorted(names) if self.random.random() > 0.15
        ]
        lines += [
            f"{each}: {self.random.choice(VALUES)}" for each in sorted(names) if self.random.random() > 0.95
        ]
        return Fields(b"Event: " + name + "".join(f"\r\n{line}" for line in lines).encode() + b"\r\n\r\n")

    def event(self) -> None:
        kept = self.random.choice(self.kept)
        event = self.message(self.random.choice(sorted(kept.kind.events)), kept)
        for each in self.kept:
            if event.name in each.kind.events:
                each.take(event)

    def lists(self, kept: Kept) -> None:
        seeding = Seeding(kept.kind, self, NOBODY, 0.0, is_audit=self.random.random() < 0.5)
        names = sorted({*kept.kind.forms, *(name for seed in kept.kind.lists for name in seed.items)})
        seeding.answers = [
            self.message(name, kept) for name in names for _ in range(self.random.randrange(4))
        ]
        kept.kind.further(seeding.answers)
        kept.adopt(seeding)

    def look(self, kept: Kept) -> None:
        """Ask everything about the items that those who show them ask."""
        for item in kept.kind.items():
            item.facts()
            for carrier in item.form.carriers:
                item.as_event(carrier)
        kept.settle()


class _Nobody:
    def seeded(self, seeding: Seeding) -> None:
        """See SeedingOwner."""

    def unseeded(self, seeding: Seeding, reason: str, *, refused: bool) -> None:
        """See SeedingOwner."""


NOBODY = _Nobody()


@pytest.mark.parametrize("seed", range(40))
def test_no_list_and_no_event_is_too_odd(seed: int) -> None:
    liar = Liar(seed)
    for _ in range(60):
        liar.clock.advance(liar.random.random() * 100)
        some = liar.random.choice(liar.kept)
        match liar.random.randrange(5):
            case 0:
                liar.lists(some)
            case 1:
                liar.look(some)
            case _:
                liar.event()
    for each in liar.kept:
        each.lose()
        each.forget()
        liar.lists(each)
    liar.event()
    corrections([(each.lost, each.kind) for each in liar.kept if each.lost is not None])
