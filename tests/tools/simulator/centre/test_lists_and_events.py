"""Lists and events of the call centre agree, as the proxy's own audit of them judges."""

from collections import Counter

import pytest

from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.kind import Drift, Kind, Seed
from amiproxy.tools.simulator.calls.call import HungUp, Redirected
from tests.tools.simulator.centre.centre_day import CentreDay

#: Kinds whose modules the call centre does not have: chan_sip, and voicemail.
_ABSENT = {"peers", "mailboxes"}


class Follower:
    """Follows the events with the kinds of the proxy, and compares them with the lists."""

    def __init__(self, day: CentreDay) -> None:
        self.day = day
        kinds = [make(lambda: day.clock.now) for make in KINDS]
        self.kinds = [kind for kind in kinds if kind.name not in _ABSENT]
        #: How often each kind asked for its lists because an event did not tell everything.
        self.outdated: Counter[str] = Counter()

    async def begin(self) -> None:
        for kind in self.kinds:
            kind.replace(await self._answers(kind))

    def feed(self, events: list[bytes]) -> None:
        for raw in events:
            fields = Fields(raw)
            for kind in self.kinds:
                if fields.name in kind.events:
                    kind.events[fields.name](fields)
                self.outdated[kind.name] += kind.is_outdated
                kind.is_outdated = False

    async def drift(self) -> dict[str, Drift]:
        """What the lists say otherwise, by kind; afterwards all is as the lists say."""
        found = {}
        for kind in self.kinds:
            drift = kind.replace(await self._answers(kind))
            if drift.total:
                found[kind.name] = drift
        return found

    async def _answers(self, kind: Kind) -> list[Fields]:
        answers = await self._ask(kind.lists)
        return answers + await self._ask(kind.further(answers))

    async def _ask(self, seeds: tuple[Seed, ...] | list[Seed]) -> list[Fields]:
        found = []
        for seed in seeds:
            items = await self.day.asked(seed.action.serialise(b""))
            assert items is not None or seed.optional, seed
            found += [Fields(raw) for raw in items or () if Fields(raw).name in seed.items]
        return found


@pytest.mark.parametrize("seed", [1, 2, 7])
async def test_no_list_contradicts_the_events_at_sixty_calls_a_minute(seed: int) -> None:
    day = CentreDay(60, seed)
    follower = Follower(day)
    await follower.begin()
    for _ in range(30):
        follower.feed(day.events(19.7))
        assert await follower.drift() == {}
    # Of a participant who is new, no event tells everything; otherwise the lists need not be asked again.
    assert set(+follower.outdated) <= {"conferences"}


async def test_calls_that_are_hung_up_or_redirected_leave_nothing_behind() -> None:
    day = CentreDay(120, pace=2.0)
    follower = Follower(day)
    await follower.begin()
    chance = day.pbx.chance("interruptions")
    for number in range(200):
        follower.feed(day.events(chance.expovariate(1)))
        calls = [call for call in day.timeline.calls if call.channels]
        if calls:
            call = chance.choice(calls)
            channel = chance.choice(call.channels)
            order = Redirected(channel, "lab", "wait5") if number % 3 else HungUp()
            day.timeline.interrupt(call, order, day.clock.now)
            follower.feed(day.events(0))
    assert await follower.drift() == {}
    day.traffic.rate(0)
    follower.feed(day.events(3600 * 4))
    assert await follower.drift() == {}
    assert (day.pbx.channels, day.pbx.bridges, day.pbx.parked, day.pbx.rooms) == ({}, {}, {}, {})
    assert not any(line.is_taken for line in day.pbx.lines.values())
    assert not any(queue.ringing for queue in day.pbx.queues.values())
