"""Kind: items from lists, what lists say otherwise, and events made in Asterisk's place."""

from collections.abc import Callable

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import form
from amiproxy.core.history.state.kind import Drift, Kind, seed, synthetic

FORM = form(b"Thing", "Id Name Age", "Id", "Name", [])


class Things(Kind):
    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "things"
        self.lists = (seed(b"ThingList", "Thing", (b"All", b"yes")),)
        self.forms = {b"Thing": FORM}


def thing(number: bytes, name: bytes, age: bytes = b"0") -> Fields:
    return Fields(b"Event: Thing\r\nId: %s\r\nName: %s\r\nAge: %s\r\n\r\n" % (number, name, age))


def things() -> Things:
    return Things(lambda: 0.0)


def test_the_lists_replace_the_items() -> None:
    kind = things()
    kind.replace([thing(b"1", b"a"), thing(b"2", b"b"), Fields(b"Event: Other\r\nId: 3\r\n\r\n")])
    assert [(item.key, item.values[b"Name"]) for item in kind.items()] == [(b"1", b"a"), (b"2", b"b")]
    kind.replace([thing(b"2", b"b")])
    assert list(kind.by_key()) == [b"2"]
    assert len(kind) == 1


def test_an_item_without_a_key_is_left_out() -> None:
    kind = things()
    kind.replace([Fields(b"Event: Thing\r\nName: a\r\n\r\n")])
    assert len(kind) == 0


def test_what_a_list_says_otherwise_is_drift_in_the_compared_fields_only() -> None:
    kind = things()
    kind.replace([thing(b"1", b"a"), thing(b"2", b"b"), thing(b"3", b"c", b"1")])
    drift = kind.replace([thing(b"2", b"other"), thing(b"3", b"c", b"2"), thing(b"4", b"d")])
    assert drift == Drift((b"4",), (b"1",), ((b"2", b"Name"),))
    assert drift.total == 3
    assert drift.summary() == {"missing": 1, "surplus": 1, "fields": "Name", "items": "4 1 2"}
    assert kind.replace(list(map(thing, (b"2", b"3", b"4"), (b"other", b"c", b"d")))).total == 0


def test_a_kind_without_items_has_nothing_further_to_ask_and_nothing_to_close() -> None:
    kind = things()
    kind.replace([thing(b"1", b"a")])
    assert kind.further([]) == []
    assert kind.closing(kind.items()[0], {}) == []
    kind.forget()
    assert kind.items() == []


def test_a_seed_names_its_action_and_its_items() -> None:
    one = seed(b"ThingInfo", "Thing Part", (b"Thing", b"1"), optional=True)
    assert one.action.headers == ((b"Action", b"ThingInfo"), (b"Thing", b"1"))
    assert one.items == {b"Thing", b"Part"}
    assert one.optional
    assert not things().lists[0].optional


def test_a_synthetic_event_has_asterisks_privilege_and_is_marked() -> None:
    assert synthetic(b"Hangup", b"call", [(b"Channel", b"SIP/a-1")]) == (
        b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: SIP/a-1\r\nProxySynthetic: yes\r\n\r\n"
    )


def test_few_items_that_differ_are_named_even_if_there_are_many() -> None:
    keys = tuple(b"QueueMember\0sales\0%d" % number for number in range(9))
    assert Drift(keys).summary()["items"] == " ".join(f"QueueMember/sales/{number}" for number in range(5))
