"""Item: one thing at an Asterisk, its fields, and the events that tell them."""

from amiproxy.ami import privilege
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values, carrier, form, joined

NEW = carrier(b"New", b"call", "Name Var")
RUN = carrier(b"Run", b"dialplan", "Name Data=AppData Var=RunVar", needs="Data")


def facts_of(values: Values) -> CallFacts:
    return CallFacts((values[b"Id"],), (), (), (), (), b"")


FORM = form(b"Thing", "Name Id Data Var Age", "Id", "Name Data", [NEW, RUN], facts_of)
ITEM = Item(FORM, b"1", {b"Name": b"a", b"Id": b"1", b"Data": b""})


def test_a_form_reads_an_item_of_its_list_in_the_order_of_the_list() -> None:
    fields = Fields(b"Event: Thing\r\nid: 1\r\nName: a\r\nOther: x\r\n\r\n")
    assert list(FORM.read(fields).items()) == [(b"Name", b"a"), (b"Id", b"1")]
    assert FORM.key_of(fields) == b"1"


def test_an_item_with_two_keys_has_none() -> None:
    assert FORM.key_of(Fields(b"Event: Thing\r\nId: 1\r\nId: 2\r\n\r\n")) == b""


def test_a_form_knows_which_fields_events_tell_and_by_which_classes() -> None:
    assert FORM.told == {b"Id", b"Name", b"Data", b"Var"}
    assert FORM.required == privilege.required_classes(b"call,dialplan,all")
    assert RUN.required == privilege.required_classes(b"dialplan,all")


def test_a_change_makes_a_new_item_in_the_order_of_the_list() -> None:
    changed = ITEM.with_values({b"Var": b"v", b"Data": b"d", b"Unknown": b"u"})
    assert list(changed.values) == [b"Name", b"Id", b"Data", b"Var"]
    assert changed.values[b"Data"] == b"d"
    assert ITEM.values[b"Data"] == b""
    assert changed.key == b"1"
    assert changed.event == b"Thing"


def test_a_change_of_nothing_is_the_same_item() -> None:
    assert ITEM.with_values({b"Name": b"a"}) is ITEM
    assert ITEM.with_values({b"Unknown": b"u"}) is ITEM


def test_an_item_is_rendered_as_the_event_that_told_it() -> None:
    changed = ITEM.with_values({b"Data": b"d", b"Var": joined(b"Var", [b"A=1", b"B=2"])})
    assert changed.as_event(RUN) == (
        b"Event: Run\r\nPrivilege: dialplan,all\r\nName: a\r\nAppData: d\r\n"
        b"RunVar: A=1\r\nRunVar: B=2\r\n\r\n"
    )
    assert ITEM.as_event(NEW) == b"Event: New\r\nPrivilege: call,all\r\nName: a\r\n\r\n"


def test_an_event_that_was_never_sent_for_the_item_tells_nothing() -> None:
    assert ITEM.as_event(RUN) is None


def test_an_item_says_which_call_it_is_about() -> None:
    assert ITEM.facts() == CallFacts((b"1",), (), (), (), (), b"")
    assert Item(form(b"Other", "Id", "Id", "", []), b"1", {}).facts() is None


def test_an_event_may_spell_its_headers_otherwise_than_the_list() -> None:
    spelled = carrier(
        b"State", b"call", "Name=Device Data=State Kind", "", lambda values: {**values, b"Kind": b"k"}
    )
    item = Item(FORM, b"1", {b"Name": b"a", b"Data": b"d"})
    assert item.as_event(spelled) == (
        b"Event: State\r\nPrivilege: call,all\r\nDevice: a\r\nState: d\r\nKind: k\r\n\r\n"
    )


def test_an_event_may_say_that_it_was_not_sent_for_the_item() -> None:
    assert ITEM.as_event(carrier(b"State", b"call", "Name", "", lambda _values: None)) is None
