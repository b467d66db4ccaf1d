"""State: when lists are asked, what events do meanwhile, and what counts as drift."""

from collections.abc import Callable, Sequence

import pytest

from amiproxy.ami.message import Action
from amiproxy.core.audit.historycounts import HistoryCounts
from amiproxy.core.history.state import state as states
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, form
from amiproxy.core.history.state.kept import READY, SEEDING, SETTLING, UNAVAILABLE
from amiproxy.core.history.state.kind import Kind, Seed, seed
from amiproxy.core.history.state.seeding import MANY, ListReader
from amiproxy.core.history.state.state import State
from tests.support.core_doubles import HandClock, event

THING = form(b"Thing", "Id Name", "Id", "Name", [])
UNKNOWN = b"Response: Error\r\nMessage: Invalid/unknown command: ThingList.\r\n\r\n"
EMPTY = b"Response: Error\r\nMessage: No endpoints found\r\n\r\n"


class Things(Kind):
    """Things, of which a list tells ids and names, and events set and remove them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "things"
        self.lists: tuple[Seed, ...] = (seed(b"ThingList", "Thing"),)
        self.forms = {b"Thing": THING}
        self.modules = frozenset({b"app_things"})
        self.events = {b"Set": self._set, b"Removed": self._removed, b"Odd": self._odd, b"Old": self._old}
        self.events = {**self.events, b"Broken": self._break}
        self._is_broken = False

    def _set(self, fields: Fields) -> None:
        self._items[fields.get(b"id")] = Item(THING, fields.get(b"id"), THING.read(fields))

    def _removed(self, fields: Fields) -> None:
        self._items.pop(fields.get(b"id"), None)

    def _odd(self, fields: Fields) -> None:
        raise ValueError(fields.name)

    def _old(self, _fields: Fields) -> None:
        self.is_outdated = True

    def _break(self, _fields: Fields) -> None:
        self._is_broken = True

    def items(self) -> list[Item]:
        if self._is_broken:
            raise ValueError("broken")
        return super().items()

    def item_of(self, fields: Fields) -> Item | None:
        if fields.raw.endswith(b"odd"):
            raise ValueError("odd")
        return super().item_of(fields)


class Others(Things):
    """The same of other things."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "others"
        self.lists = (seed(b"OtherList", "Thing"),)
        self.events = {}


class Parts(Things):
    """The same in two lists and one more for each thing; the second may be refused."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "parts"
        self.modules = frozenset()
        self.lists = (seed(b"PartList", "Thing"), seed(b"MoreParts", "Thing", optional=True))

    def further(self, answers: Sequence[Fields]) -> list[Seed]:
        return [seed(b"PartInfo", "Thing", (b"Id", fields.get(b"id")), optional=True) for fields in answers]


class Asked:
    """Lists that are asked, and answered by the test."""

    def __init__(self) -> None:
        self.lists_apart = False
        self.open: list[tuple[Action, ListReader, bool]] = []
        self.faults: list[str] = []

    def fault(self, _error: Exception, where: str) -> None:
        self.faults.append(where)

    def ask_list(self, action: Action, reader: ListReader, *, long: bool) -> None:
        self.open.append((action, reader, long))

    def answer(self, *items: bytes) -> str:
        """Answer the oldest list; returns its name."""
        action, reader, _ = self.open.pop(0)
        reader.response(b"Response: Success\r\nEventList: start\r\n\r\n")
        for item in items:
            reader.item(item)
        reader.ended()
        return action.name.decode()

    def refuse(self, error: bytes) -> None:
        _, reader, _ = self.open.pop(0)
        reader.response(error)
        reader.ended()

    def fail(self) -> None:
        self.open.pop(0)[1].failed(b"Timed out")


class Followed:
    """A state with these kinds, whose lists the test answers."""

    def __init__(self, *makers: Callable[[Callable[[], float]], Kind]) -> None:
        self.clock = HandClock()
        self.lists = Asked()
        self.counts = HistoryCounts()
        self.state = State(makers or (Things,), self.lists, self.counts, self.clock)
        self.state.begin()

    def feed(self, name: str, **headers: str) -> None:
        self.state.feed(event(name, **headers))

    def names(self, kind: str = "things") -> dict[bytes, bytes]:
        """The names of all things by their ids."""
        return {item.key: item.values[b"Name"] for item in self.state.present([kind])[kind]}

    def standing(self) -> str:
        return self.state.standings[0].standing


def fail(name: str) -> None:
    raise ValueError(name)


def thing(number: str, name: str) -> bytes:
    return f"Event: Thing\r\nId: {number}\r\nName: {name}\r\n\r\n".encode()


def ready(*items: bytes) -> Followed:
    """A state whose things were listed and have settled."""
    followed = Followed()
    followed.lists.answer(*items)
    followed.clock.advance(states.SETTLE_SECONDS)
    return followed


class TestSeeding:
    def test_the_lists_tell_what_exists_and_events_move_it(self) -> None:
        followed = Followed()
        assert followed.standing() == SEEDING
        assert not followed.state.is_known("things")
        assert followed.state.present(["things"]) == {}
        followed.lists.answer(thing("1", "a"), b"Event: Other\r\nId: 7\r\n\r\n")
        assert followed.standing() == SETTLING
        followed.feed("Set", Id="2", Name="b")
        followed.feed("Removed", Id="1")
        followed.feed("Nothing", Id="3")
        assert followed.names() == {b"2": b"b"}
        followed.clock.advance(states.SETTLE_SECONDS)
        assert followed.standing() == READY
        assert followed.counts.seeds == {"things": 1}

    def test_kinds_are_asked_one_after_another(self) -> None:
        followed = Followed(Things, Parts)
        assert [action.name for action, _, _ in followed.lists.open] == [b"ThingList"]
        followed.lists.answer()
        assert [action.name for action, _, _ in followed.lists.open] == [b"PartList"]
        assert followed.state.kinds == ("things", "parts")

    def test_a_kind_is_told_by_all_its_lists(self) -> None:
        followed = Followed(Parts)
        followed.lists.answer(thing("1", "a"))
        followed.lists.answer(thing("2", "b"))
        assert followed.lists.answer(thing("1", "more")) == "PartInfo"
        followed.lists.refuse(UNKNOWN)  # it has ended meanwhile
        assert followed.names("parts") == {b"1": b"more", b"2": b"b"}

    def test_events_after_the_first_of_several_lists_are_applied_to_all(self) -> None:
        followed = Followed(Parts)
        followed.feed("Set", Id="9", Name="before")
        followed.lists.answer(thing("1", "a"))
        followed.feed("Removed", Id="1")
        followed.feed("Set", Id="3", Name="c")
        followed.lists.answer()
        followed.lists.answer()
        assert followed.names("parts") == {b"3": b"c"}

    def test_events_before_the_end_of_a_list_on_the_same_link_are_older_than_it(self) -> None:
        followed = Followed()
        followed.feed("Set", Id="1", Name="old")
        followed.lists.answer(thing("1", "new"))
        assert followed.names() == {b"1": b"new"}

    def test_a_long_list_may_take_another_link_so_events_since_it_was_asked_count(self) -> None:
        followed = ready(*(thing(str(number), "a") for number in range(MANY + 1)))
        followed.state.seed_all()
        assert followed.lists.open[0][2]
        followed.feed("Set", Id="1", Name="b")
        followed.lists.answer(thing("1", "a"))
        assert followed.names() == {b"1": b"b"}

    def test_if_lists_come_apart_from_the_events_those_since_they_were_asked_count(self) -> None:
        followed = ready(thing("1", "a"))
        followed.lists.lists_apart = True
        followed.state.seed_all()
        followed.feed("Set", Id="1", Name="b")
        followed.lists.answer(thing("1", "a"))
        assert followed.names() == {b"1": b"b"}

    def test_a_list_that_says_that_it_is_empty_is_an_empty_list(self) -> None:
        followed = Followed()
        followed.lists.refuse(EMPTY)
        assert followed.names() == {}

    def test_a_kind_that_asterisk_does_not_have_is_unavailable(self) -> None:
        followed = Followed()
        followed.feed("Set", Id="1", Name="a")
        followed.lists.refuse(UNKNOWN)
        (standing,) = followed.state.standings
        assert (standing.standing, standing.items) == (UNAVAILABLE, 0)
        assert "unknown command" in standing.reason
        assert followed.state.settled(["things"])
        assert followed.state.present(["things"]) == {}
        followed.feed("Load", Module="app_things.so")
        followed.clock.advance(states.SOON_SECONDS)
        followed.lists.refuse(UNKNOWN)
        followed.clock.advance(states.AUDIT_SECONDS * 1.1)
        followed.lists.answer(thing("1", "a"))
        assert followed.names() == {b"1": b"a"}

    def test_a_kind_whose_lists_are_all_refused_is_unavailable(self) -> None:
        class Both(Parts):
            def __init__(self, clock: Callable[[], float]) -> None:
                super().__init__(clock)
                self.lists = tuple(one._replace(optional=True) for one in self.lists)

        followed = Followed(Both)
        followed.lists.refuse(UNKNOWN)
        followed.lists.refuse(UNKNOWN)
        assert followed.standing() == UNAVAILABLE
        followed.state.seed_all()
        followed.lists.refuse(UNKNOWN)
        followed.lists.answer()
        assert followed.standing() == SETTLING

    def test_a_list_that_fails_is_asked_again_later_and_later(self) -> None:
        followed = Followed()
        for delay in (1.0, 2.0, 4.0):
            followed.lists.fail()
            followed.clock.advance(delay - 0.1)
            assert followed.lists.open == []
            followed.clock.advance(0.2)
        assert followed.counts.seed_failures == {"things": 3}
        assert followed.state.standings[0].reason == "Timed out"
        followed.lists.answer()
        assert followed.state.standings[0].reason == ""

    def test_lists_that_fail_together_have_one_line_in_the_log(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        followed = Followed(Things, Others)
        for attempt in (1, 2):
            caplog.clear()
            followed.lists.fail()
            followed.lists.fail()
            followed.clock.advance(1.0)
            (line,) = [record.fields for record in caplog.records if record.message == "state-not-seeded"]
            assert (line["kind"], line["kinds"], line["retry_in"]) == ("things,others", 2, float(attempt))

    def test_what_was_known_stays_known_when_a_later_list_fails(self) -> None:
        followed = ready(thing("1", "a"))
        followed.state.seed_all()
        followed.lists.fail()
        assert followed.names() == {b"1": b"a"}
        assert followed.standing() == READY


class TestLink:
    def test_nothing_is_known_after_the_link_is_lost_but_what_was_there_before(self) -> None:
        followed = ready(thing("1", "a"))
        followed.state.end()
        assert followed.standing() == SEEDING
        assert [lost.keys for lost, _ in followed.state.losses()] == [{b"1"}]
        followed.clock.advance(states.AUDIT_SECONDS * 2)
        assert followed.lists.open == []
        followed.state.begin()
        followed.lists.answer(thing("2", "b"))
        assert followed.names() == {b"2": b"b"}

    def test_what_was_lost_stays_until_a_kind_is_known_again(self) -> None:
        followed = ready(thing("1", "a"))
        followed.state.end()
        followed.state.begin()
        followed.state.end()
        assert [lost.keys for lost, _ in followed.state.losses()] == [{b"1"}]

    def test_an_answer_that_comes_after_the_link_was_lost_changes_nothing(self) -> None:
        followed = Followed()
        (_, reader, _) = followed.lists.open.pop()
        followed.state.end()
        reader.item(thing("1", "a"))
        reader.ended()
        reader.failed(b"Lost")
        assert followed.standing() == SEEDING
        assert followed.counts.seeds == {}

    def test_timers_of_an_earlier_link_do_nothing(self) -> None:
        followed = Followed()
        followed.lists.fail()
        followed.state.end()
        followed.state.begin()
        followed.lists.answer()
        followed.state.end()
        followed.clock.advance(10)
        assert followed.standing() == SEEDING
        assert followed.lists.open == []

    def test_nothing_is_asked_while_there_is_no_link(self) -> None:
        followed = ready()
        followed.state.end()
        followed.state.end()
        followed.state.doubt()
        followed.state.seed_all()
        followed.clock.advance(10)
        assert followed.lists.open == []


class TestSeedingAgain:
    @pytest.mark.parametrize("module", ["app_things.so", "app_things", "All"])
    def test_a_change_of_the_module_has_the_lists_asked_again(self, module: str) -> None:
        followed = ready(thing("1", "a"))
        followed.clock.advance(states.PAUSE_SECONDS)
        followed.feed("Reload", Module=module, Status="0")
        followed.feed("Reload", Module=module, Status="0")
        assert followed.lists.open == []
        followed.clock.advance(states.SOON_SECONDS)
        followed.lists.answer(thing("2", "b"))
        assert followed.lists.open == []
        followed.clock.advance(60)
        assert followed.names() == {b"2": b"b"}
        assert followed.counts.drift == {}

    def test_a_change_of_another_module_asks_nothing(self) -> None:
        followed = ready()
        followed.feed("Load", Module="app_other.so")
        followed.clock.advance(60)
        assert followed.lists.open == []

    def test_kinds_without_modules_are_not_asked_again_when_everything_is_reloaded(self) -> None:
        followed = Followed(Parts)
        followed.lists.answer()
        followed.lists.answer()
        followed.feed("Reload", Module="All")
        followed.clock.advance(60)
        assert followed.lists.open == []

    def test_lists_are_not_asked_more_often_than_once_in_a_while(self) -> None:
        followed = ready()
        followed.feed("Reload", Module="All")
        followed.clock.advance(states.PAUSE_SECONDS - states.SETTLE_SECONDS - 0.1)
        assert followed.lists.open == []
        followed.clock.advance(0.2)
        assert len(followed.lists.open) == 1

    def test_a_kind_that_says_that_it_is_outdated_is_asked_again(self) -> None:
        followed = ready()
        followed.feed("Old")
        followed.clock.advance(states.PAUSE_SECONDS)
        followed.lists.answer()
        followed.clock.advance(60)
        assert followed.lists.open == []

    def test_a_kind_that_cannot_take_an_event_is_asked_again(self) -> None:
        followed = ready(thing("1", "a"))
        followed.feed("Odd")
        assert followed.lists.faults == ["event of the state"]
        followed.clock.advance(states.PAUSE_SECONDS)
        followed.lists.answer(thing("2", "b"))
        assert followed.names() == {b"2": b"b"}

    def test_lists_that_a_kind_cannot_take_are_asked_again_and_hold_up_no_other_kind(self) -> None:
        followed = Followed(Things, Others)
        followed.lists.answer(thing("1", "a") + b"odd")
        assert followed.lists.faults == ["list of the state"]
        assert followed.standing() == SEEDING
        assert followed.lists.answer(thing("2", "b")) == "OtherList"
        followed.clock.advance(1)
        assert followed.lists.answer(thing("1", "a")) == "ThingList"
        assert followed.names() == {b"1": b"a"}

    def test_a_fault_of_those_who_use_it_holds_up_no_other(self) -> None:
        followed = Followed(Things, Others)
        told: list[str] = []
        followed.state.on_seeded = fail
        followed.state.await_ready(["things"], lambda: fail("things"))
        followed.state.await_ready(["things"], lambda: told.append("ready"))
        followed.lists.answer()
        assert told == ["ready"]
        assert followed.lists.faults == ["use of the state"] * 2
        assert followed.lists.answer() == "OtherList"

    def test_if_it_cannot_say_what_there_was_nothing_was_known(self) -> None:
        followed = Followed(Others, Things)
        followed.lists.answer(thing("2", "b"))
        followed.lists.answer(thing("1", "a"))
        followed.feed("Broken", Id="1")
        followed.state.end()
        assert not followed.state.was_known
        assert followed.state.losses() == []
        assert followed.lists.faults == ["end of the state"]

    def test_after_a_lost_event_all_are_asked_again(self) -> None:
        followed = ready()
        followed.state.doubt()
        followed.clock.advance(states.SOON_SECONDS)
        assert len(followed.lists.open) == 1

    def test_after_more_lost_events_they_are_asked_only_now_and_then(self) -> None:
        followed = ready()
        followed.state.doubt()
        followed.clock.advance(states.SOON_SECONDS)
        followed.lists.answer()
        for _ in range(3):
            followed.state.doubt()
            followed.clock.advance(states.SOON_SECONDS)
        assert followed.lists.open == []
        followed.clock.advance(states.PAUSE_SECONDS)
        assert len(followed.lists.open) == 1


class TestAudit:
    def audited(self) -> Followed:
        """One thing is known, and an audit is on its way."""
        followed = ready(thing("1", "a"))
        followed.clock.advance(states.AUDIT_SECONDS * 1.1)
        assert len(followed.lists.open) == 1
        return followed

    def test_what_no_event_told_is_drift_and_the_list_counts(self) -> None:
        followed = self.audited()
        followed.lists.answer(thing("1", "b"), thing("2", "c"))
        assert followed.counts.drift == {}
        followed.clock.advance(60)
        assert followed.counts.drift == {"things": 2}
        assert followed.names() == {b"1": b"b", b"2": b"c"}

    def test_what_an_event_tells_later_is_no_drift(self) -> None:
        followed = self.audited()
        followed.lists.answer(thing("1", "b"), thing("2", "c"))
        followed.feed("Set", Id="1", Name="b")
        followed.clock.advance(states.SETTLE_SECONDS * 1.5)
        followed.feed("Set", Id="2", Name="c")
        followed.clock.advance(60)
        assert followed.counts.drift == {}

    def test_what_has_ended_before_its_event_is_no_drift(self) -> None:
        followed = self.audited()
        followed.lists.answer()
        followed.feed("Removed", Id="1")
        followed.clock.advance(60)
        assert followed.counts.drift == {}

    def test_no_difference_is_no_drift(self) -> None:
        followed = self.audited()
        followed.lists.answer(thing("1", "a"))
        followed.clock.advance(60)
        assert followed.counts.drift == {}

    def test_only_audits_find_drift(self) -> None:
        followed = ready(thing("1", "a"))
        followed.state.seed_all()
        followed.lists.answer()
        followed.clock.advance(60)
        assert followed.counts.drift == {}

    def test_a_module_that_changes_during_an_audit_is_no_drift(self) -> None:
        followed = self.audited()
        followed.feed("Reload", Module="app_things")
        followed.lists.answer()
        followed.clock.advance(states.SOON_SECONDS)
        followed.lists.answer()
        followed.clock.advance(60)
        assert followed.counts.drift == {}

    def test_an_audit_that_is_asked_while_another_list_waits_does_not_make_it_one(self) -> None:
        followed = Followed(Things, Parts)
        for _ in range(3):
            followed.lists.answer()
        followed.clock.advance(states.SETTLE_SECONDS)
        followed.state.seed_all()
        followed.state.seed_all(audit=True)  # the first list is under way, the other waits
        followed.lists.answer(thing("1", "a"))
        assert followed.lists.answer(thing("2", "b")) == "PartList"
        assert followed.lists.answer() == "MoreParts"
        assert followed.lists.answer() == "PartInfo"
        assert followed.lists.open == []
        followed.clock.advance(60)
        assert followed.counts.drift == {}

    def test_a_kind_is_not_audited_before_it_has_settled(self) -> None:
        followed = Followed()
        followed.state.seed_all(audit=True)
        followed.lists.answer(thing("1", "a"))
        followed.state.seed_all(audit=True)
        assert followed.lists.open == []
        followed.clock.advance(states.SETTLE_SECONDS)
        followed.state.seed_all(audit=True)
        followed.lists.answer()
        followed.clock.advance(states.SETTLE_SECONDS)
        followed.state.seed_all(audit=True)  # what the first has found is looked at once more
        assert followed.lists.open == []
        followed.clock.advance(60)
        assert followed.counts.drift == {"things": 1}


class TestWaiting:
    def test_who_waits_is_called_once_when_all_kinds_are_known(self) -> None:
        followed = Followed(Things, Parts)
        called: list[str] = []
        followed.state.await_ready(["things"], lambda: called.append("things"))
        followed.state.await_ready(["things", "parts"], lambda: called.append("both"))
        followed.lists.answer()
        assert called == ["things"]
        followed.lists.refuse(UNKNOWN)
        assert called == ["things", "both"]
        followed.state.seed_all()
        followed.lists.answer()
        assert called == ["things", "both"]

    def test_who_was_dismissed_is_not_called(self) -> None:
        followed = Followed()
        called: list[int] = []
        second = followed.state.await_ready(["things"], lambda: called.append(2))
        followed.state.dismiss(second)
        followed.state.dismiss(second)
        followed.lists.answer()
        assert called == []

    def test_who_is_dismissed_by_another_that_was_called_is_not_called(self) -> None:
        followed = Followed()
        called: list[int] = []

        def first() -> None:
            called.append(1)
            followed.state.dismiss(second)

        followed.state.await_ready(["things"], first)
        second = followed.state.await_ready(["things"], lambda: called.append(2))
        followed.lists.answer()
        assert called == [1]

    def test_the_server_is_told_of_each_kind_that_was_seeded(self) -> None:
        followed = Followed()
        seeded: list[str] = []
        followed.state.on_seeded = seeded.append
        followed.lists.answer()
        assert seeded == ["things"]
