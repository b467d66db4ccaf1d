"""Which items of the state a client sees, and which of their fields."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.ami.stamp import stamp_of
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.history.showing import Showing
from amiproxy.core.history.state.item import Form, Item, Values, carrier, form
from amiproxy.core.model.rules import Scope
from tests.support.core_doubles import event


def _call(values: Values) -> CallFacts:
    device = values[b"Channel"].rpartition(b"-")[0]
    return CallFacts((values[b"Uniqueid"],), (values[b"Linkedid"],), (device,), (), (), b"")


CHANNEL = form(
    b"CoreShowChannel",
    "Channel State Exten Application Linkedid Uniqueid Duration",
    "Uniqueid",
    "Channel State",
    [
        carrier(b"Newchannel", b"call", "Channel State Exten Uniqueid Linkedid"),
        carrier(b"Newexten", b"dialplan", "Channel Exten Application Uniqueid Linkedid", "Application"),
    ],
    _call,
)
DEVICE = form(
    b"DeviceStateChange",
    "Device State",
    "Device",
    "Device State",
    [carrier(b"DeviceStateChange", b"call", "Device State")],
)
UNTOLD = form(b"Secret", "Name Value", "Name", "", [])
ITEM = Item(
    CHANNEL,
    b"1.1",
    {
        b"Channel": b"PJSIP/100-0001",
        b"State": b"Up",
        b"Exten": b"600",
        b"Application": b"Dial",
        b"Linkedid": b"1.1",
        b"Uniqueid": b"1.1",
        b"Duration": b"00:01:02",
    },
)
IDLE = Item(CHANNEL, b"1.2", {**ITEM.values, b"Uniqueid": b"1.2", b"Linkedid": b"1.2", b"Application": b""})
CALL, DIALPLAN = privilege.CALL, privilege.parse_classes("dialplan")
ALL = frozenset(ITEM.values)


def names(showing: Showing, item: Item) -> frozenset[bytes] | None:
    values = showing.shown(item)
    if values is None:
        return None
    assert all(item.values[name] == value for name, value in values.items())
    return frozenset(values)


def filters(*texts: bytes) -> FilterSet:
    return FilterSet(tuple(compile_legacy(text) for text in texts))


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (privilege.NONE, None),
        (privilege.AGENT, None),
        (CALL, ALL - {b"Application", b"Duration"}),
        (DIALPLAN, ALL - {b"State", b"Duration"}),
        (CALL | DIALPLAN, ALL),
        (privilege.ALL, ALL),
    ],
)
def test_the_classes_decide_which_fields_are_shown(mask: int, expected: frozenset[bytes] | None) -> None:
    showing = Showing(mask, None, None, None)
    assert names(showing, ITEM) == expected
    assert showing.may_see([CHANNEL, DEVICE]) == (expected is not None)


def test_an_item_is_hidden_if_no_event_that_the_client_reads_has_told_it() -> None:
    showing = Showing(DIALPLAN, None, None, None)
    assert names(showing, IDLE) is None
    assert names(Showing(CALL | DIALPLAN, None, None, None), IDLE) == ALL


def test_what_no_event_tells_takes_all_classes() -> None:
    item = Item(UNTOLD, b"a", {b"Name": b"a", b"Value": b"b"})
    for mask in (privilege.NONE, privilege.ALL & ~privilege.UNKNOWN):
        assert names(Showing(mask, None, None, None), item) is None
        assert not Showing(mask, None, None, None).may_see([UNTOLD])
    assert names(Showing(privilege.ALL, None, None, None), item) == {b"Name", b"Value"}
    assert Showing(privilege.ALL, None, None, None).may_see([UNTOLD])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((b"Event: Newchannel",), ALL - {b"Application", b"Duration"}),
        ((b"!Event: Newexten",), ALL - {b"Application", b"Duration"}),
        ((b"!Event: Hangup",), ALL),
        ((b"Channel: PJSIP/100-",), ALL),
        ((b"!Channel: PJSIP/100-",), None),
        ((b"Event: Hangup",), None),
    ],
)
def test_filters_judge_the_events_that_tell_the_item(
    texts: tuple[bytes, ...], expected: frozenset[bytes] | None
) -> None:
    assert names(Showing(privilege.ALL, filters(*texts), None, None), ITEM) == expected


def test_filters_see_the_servers_name_where_events_have_it() -> None:
    only = filters(b"Server: pbx1")
    assert names(Showing(privilege.ALL, only, None, None, stamp_of(b"pbx1")), ITEM) == ALL
    assert names(Showing(privilege.ALL, only, None, None, stamp_of(b"pbx2")), ITEM) is None
    assert names(Showing(privilege.ALL, only, None, None), ITEM) is None


def test_filters_hide_what_none_of_the_events_has_told() -> None:
    assert names(Showing(DIALPLAN, filters(b"!Event: Hangup"), None, None), IDLE) is None


def test_an_empty_set_of_filters_is_none() -> None:
    assert names(Showing(privilege.ALL, FilterSet(()), None, None), ITEM) == ALL


OWN = Scope(channels=("PJSIP/100",))


def test_a_scope_shows_the_clients_own_calls_on_all_their_legs() -> None:
    tracker = CallTracker()
    for channel, uniqueid, linkedid in (
        ("PJSIP/100-0001", "1.1", "1.1"),
        ("PJSIP/trunk-0002", "1.2", "1.1"),
        ("PJSIP/200-0003", "2.1", "2.1"),
    ):
        tracker.feed(event("Newchannel", Channel=channel, Uniqueid=uniqueid, Linkedid=linkedid))
    items = [
        Item(CHANNEL, uid, {**ITEM.values, b"Channel": channel, b"Uniqueid": uid, b"Linkedid": linked})
        for channel, uid, linked in (
            (b"PJSIP/100-0001", b"1.1", b"1.1"),
            (b"PJSIP/trunk-0002", b"1.2", b"1.1"),
            (b"PJSIP/200-0003", b"2.1", b"2.1"),
            (b"PJSIP/100-0004", b"9.9", b"9.9"),
        )
    ]
    showing = Showing(privilege.ALL, None, OWN, tracker)
    # The last one is of a call that nobody knows.
    assert [names(showing, item) for item in items] == [ALL, ALL, None, None]
    assert not any(names(Showing(privilege.ALL, None, OWN, None), item) for item in items)
    assert all(names(Showing(privilege.ALL, None, None, tracker), item) for item in items)


def test_a_scope_shows_the_clients_own_devices() -> None:
    mine, other = (
        Item(DEVICE, name, {b"Device": name, b"State": b"INUSE"}) for name in (b"PJSIP/100", b"PJSIP/200")
    )
    showing = Showing(privilege.ALL, None, OWN, CallTracker())
    assert names(showing, mine) == {b"Device", b"State"}
    assert names(showing, other) is None
    assert names(Showing(privilege.ALL, None, OWN, None), mine) is None
    hidden = filters(b"!Device: PJSIP/100")
    assert names(Showing(privilege.ALL, hidden, OWN, CallTracker()), mine) is None


def test_an_item_is_written_as_the_native_list_writes_it() -> None:
    showing = Showing(CALL, None, None, None)
    body = b"Channel: PJSIP/100-0001\r\nState: Up\r\nExten: 600\r\nLinkedid: 1.1\r\nUniqueid: 1.1\r\n\r\n"
    assert showing.written(ITEM, b"") == b"Event: CoreShowChannel\r\n" + body
    line = b"ActionID: 7\r\n"
    assert showing.written(ITEM, line) == b"Event: CoreShowChannel\r\n" + line + body
    assert Showing(privilege.NONE, None, None, None).written(ITEM, line) == b""


def test_a_stamped_item_has_no_other_server() -> None:
    odd: Form = form(b"Odd", "Name Server", "Name", "", [carrier(b"Odd", b"call", "Name Server")])
    item = Item(odd, b"a", {b"Name": b"a", b"Server": b"pbx9"})
    showing = Showing(CALL, None, None, None, stamp_of(b"pbx1"))
    assert showing.written(item, b"") == b"Event: Odd\r\nName: a\r\nServer: pbx1\r\n\r\n"
