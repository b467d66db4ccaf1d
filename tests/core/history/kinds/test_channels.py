"""Channels: what real events make of them equals what the real list then says."""

from pathlib import Path

import pytest

from amiproxy.ami.message import Message
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.kinds.bridges import Bridges
from amiproxy.core.history.kinds.channels import FORM, Channels
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item
from amiproxy.core.history.state.kind import Kind
from tests.support.core_doubles import HandClock

RECORDINGS = Path(__file__).with_name("recordings")


def recorded(version: str) -> tuple[list[Fields], list[Fields]]:
    """Real events of dials, a conference, a transfer and a redirect, and the lists right after them."""
    data = (RECORDINGS / f"calls-{version}.ami").read_bytes()
    messages = [Fields(raw + b"\r\n\r\n") for raw in data.split(b"\r\n\r\n")[:-1]]
    return (
        [message for message in messages if message.has(b"privilege")],
        [message for message in messages if not message.has(b"privilege")],
    )


def feed(kind: Kind, *events: Fields) -> None:
    for event in events:
        if event.name in kind.events:
            kind.events[event.name](event)


def snapshot(name: bytes, *, number: bytes = b"100", uniqueid: bytes = b"7.1", more: bytes = b"") -> Fields:
    """An event about a channel, as Asterisk writes it."""
    return Fields(
        b"Event: " + name + b"\r\nPrivilege: call,all\r\nChannel: SIP/a-1\r\nChannelState: 6\r\n"
        b"ChannelStateDesc: Up\r\nCallerIDNum: " + number + b"\r\nCallerIDName: A\r\n"
        b"ConnectedLineNum: <unknown>\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\nAccountCode: acc\r\n"
        b"Context: lab\r\nExten: s\r\nPriority: 1\r\nUniqueid: " + uniqueid + b"\r\nLinkedid: 7.0\r\n"
        b"ChanVariable: A=1\r\nChanVariable: B=2\r\n" + more + b"\r\n"
    )


def bridge(name: bytes, number: bytes, inside: bytes, *, more: bytes = b"") -> Fields:
    """An event about a bridge and the channel of ``snapshot``."""
    channel = snapshot(name, more=more).raw.split(b"\r\n", 2)[2]
    return Fields(
        b"Event: " + name + b"\r\nPrivilege: call,all\r\nBridgeUniqueid: " + number + b"\r\n"
        b"BridgeType: basic\r\nBridgeTechnology: simple_bridge\r\nBridgeCreator: <unknown>\r\n"
        b"BridgeName: <unknown>\r\nBridgeNumChannels: "
        + inside
        + b"\r\nBridgeVideoSourceMode: none\r\n"
        + channel
    )


NEW = snapshot(b"Newchannel")


def channels() -> Channels:
    return Channels(HandClock().now)


def only(kind: Kind) -> Item:
    (item,) = kind.items()
    return item


@pytest.mark.parametrize("version", ["22", "16"])
class TestRecorded:
    def test_events_alone_lead_to_what_the_lists_say(self, version: str) -> None:
        events, lists = recorded(version)
        for kind in (channels(), Bridges(HandClock().now)):
            feed(kind, *events)
            assert len(kind) > 0
            assert kind.replace(lists).total == 0

    def test_events_that_the_lists_have_told_already_change_nothing(self, version: str) -> None:
        events, lists = recorded(version)
        for kind in (channels(), Bridges(HandClock().now)):
            kind.replace(lists)
            feed(kind, *events)
            assert kind.replace(lists).total == 0

    def test_a_list_alone_tells_every_field_in_its_order(self, version: str) -> None:
        _, lists = recorded(version)
        kind = channels()
        kind.replace(lists)
        for item, listed in zip(kind.items(), lists, strict=False):
            assert list(item.values) == [name for name, _ in listed.pairs]


class TestEvents:
    def test_a_new_channel_has_every_field_of_the_list_in_its_order(self) -> None:
        kind = channels()
        feed(kind, NEW)
        item = only(kind)
        assert item.key == b"7.1"
        assert tuple(item.values) == FORM.fields
        assert item.values[b"ChanVariable"] == b"A=1\r\nChanVariable: B=2"
        assert item.values[b"Duration"] == b"00:00:00"

    def test_an_event_of_an_unknown_channel_creates_it(self) -> None:
        kind = channels()
        feed(kind, snapshot(b"Newstate"))
        assert len(kind) == 1

    def test_the_end_of_an_unknown_channel_does_nothing(self) -> None:
        kind = channels()
        feed(kind, snapshot(b"Hangup"), bridge(b"BridgeLeave", b"b", b"0"))
        assert len(kind) == 0

    def test_a_channel_that_has_ended_does_not_come_back(self) -> None:
        kind = channels()
        feed(kind, NEW, snapshot(b"Hangup"), snapshot(b"Newexten"))
        assert len(kind) == 0
        for number in range(600):
            feed(kind, snapshot(b"Hangup", uniqueid=b"8.%d" % number))
        feed(kind, NEW)
        assert len(kind) == 1

    def test_the_application_is_that_of_the_last_newexten(self) -> None:
        kind = channels()
        feed(kind, NEW, snapshot(b"Newexten", more=b"Extension: s\r\nApplication: Wait\r\nAppData: 9\r\n"))
        values = only(kind).values
        assert (values[b"Application"], values[b"ApplicationData"]) == (b"Wait", b"9")

    def test_a_renamed_channel_keeps_its_key(self) -> None:
        kind = channels()
        rename = Fields(
            b"Event: Rename\r\nPrivilege: call,all\r\nChannel: SIP/a-1\r\nNewname: SIP/b-2\r\n"
            b"Uniqueid: 7.1\r\n\r\n"
        )
        feed(kind, rename, NEW, rename)
        assert only(kind).values[b"Channel"] == b"SIP/b-2"

    def test_a_channel_is_in_the_bridge_that_it_entered_last(self) -> None:
        kind = channels()
        feed(kind, bridge(b"BridgeEnter", b"one", b"1"))
        assert only(kind).values[b"BridgeId"] == b"one"
        feed(kind, bridge(b"BridgeEnter", b"two", b"1"), bridge(b"BridgeLeave", b"one", b"0"))
        assert only(kind).values[b"BridgeId"] == b"two"
        feed(kind, bridge(b"BridgeLeave", b"two", b"0"))
        assert only(kind).values[b"BridgeId"] == b""

    def test_the_duration_is_the_time_since_the_beginning(self) -> None:
        clock = HandClock()
        kind = Channels(clock.now)
        feed(kind, NEW)
        clock.advance(3661)
        assert only(kind).values[b"Duration"] == b"01:01:01"

    @pytest.mark.parametrize(
        ("listed", "shown"), [(b"00:01:05", b"00:01:15"), (b"100:00:00", b"100:00:10"), (b"x", b"00:00:10")]
    )
    def test_the_duration_goes_on_from_what_the_list_said(self, listed: bytes, shown: bytes) -> None:
        clock = HandClock()
        kind = Channels(clock.now)
        raw = NEW.raw.replace(b"Newchannel", b"CoreShowChannel").replace(
            b"\r\n\r\n", b"\r\nDuration: %b\r\n\r\n"
        )
        kind.replace([Fields(raw % listed)])
        clock.advance(10)
        assert only(kind).values[b"Duration"] == shown

    def test_a_channel_without_variables_has_none(self) -> None:
        kind = channels()
        plain = NEW.raw.replace(b"ChanVariable: A=1\r\nChanVariable: B=2\r\n", b"")
        feed(kind, Fields(plain))
        assert b"ChanVariable" not in only(kind).values
        kind.replace([Fields(plain.replace(b"Newchannel", b"CoreShowChannel"))])
        assert b"ChanVariable" not in only(kind).values

    def test_nothing_is_known_after_all_was_forgotten(self) -> None:
        kind = channels()
        feed(kind, NEW)
        kind.forget()
        assert kind.items() == []


class TestForgery:
    """A caller can put line ends, and so headers, into the number that it shows."""

    def test_a_forged_id_does_not_change_the_channel_of_that_id(self) -> None:
        kind = channels()
        feed(kind, NEW)
        forged = snapshot(b"Newstate", number=b"1\r\nUniqueid: 7.1", uniqueid=b"9.9")
        other = Fields(forged.raw.replace(b"SIP/a-1", b"SIP/evil-1"))
        feed(kind, other, Fields(other.raw.replace(b"Newstate", b"Hangup")))
        assert only(kind).values[b"Channel"] == b"SIP/a-1"

    def test_a_known_channel_with_a_forged_id_is_found_by_its_name(self) -> None:
        kind = channels()
        other = Fields(snapshot(b"Newchannel", uniqueid=b"7.2").raw.replace(b"SIP/a-1", b"SIP/b-1"))
        feed(kind, other, NEW, snapshot(b"NewCallerid", number=b"1\r\nUniqueid: 7.2"))
        assert [item.values[b"CallerIDNum"] for item in kind.items()] == [b"100", b"1"]
        feed(kind, snapshot(b"Hangup", number=b"1\r\nUniqueid: 7.2"))
        assert list(kind.by_key()) == [b"7.2"]

    def test_if_it_is_unclear_which_channel_has_ended_the_list_is_asked_again(self) -> None:
        kind = channels()
        feed(kind, NEW, snapshot(b"Hangup", number=b"1\r\nUniqueid: 9.9\r\nChannel: SIP/b-2"))
        assert kind.is_outdated
        assert [item.key for item in kind.items()] == [b"7.1"]

    def test_forged_values_that_decide_who_sees_the_channel_are_not_taken(self) -> None:
        kind = channels()
        feed(kind, NEW, snapshot(b"NewCallerid", number=b"1\r\nContext: evil\r\nLinkedid: 1.1"))
        values = only(kind).values
        assert (values[b"Context"], values[b"Linkedid"]) == (b"lab", b"7.0")

    def test_a_list_is_believed_no_more_than_an_event(self) -> None:
        kind = channels()
        forged = snapshot(b"CoreShowChannel", number=b"1\r\nContext: evil")
        no_key = snapshot(b"CoreShowChannel", number=b"1\r\nUniqueid: 9.9")
        kind.replace([forged, no_key])
        assert only(kind).values[b"Context"] == b""

    def test_an_empty_account_code_is_taken(self) -> None:
        kind = channels()
        feed(
            kind, NEW, Fields(snapshot(b"NewAccountCode").raw.replace(b"AccountCode: acc", b"AccountCode: "))
        )
        assert only(kind).values[b"AccountCode"] == b""


class TestShowing:
    def test_a_channel_says_which_call_it_is_part_of(self) -> None:
        kind = channels()
        feed(kind, NEW)
        assert only(kind).facts() == CallFacts((b"7.1",), (b"7.0",), (b"SIP/a",), (b"lab",), (b"acc",), b"")

    def test_only_a_channel_in_a_bridge_was_told_by_its_event(self) -> None:
        kind = channels()
        feed(kind, NEW)
        told = {carrier.event for carrier in FORM.carriers if only(kind).as_event(carrier)}
        assert told == {b"Newchannel"}
        feed(kind, bridge(b"BridgeEnter", b"one", b"1"))
        told = {carrier.event for carrier in FORM.carriers if only(kind).as_event(carrier)}
        assert told == {b"Newchannel", b"BridgeEnter"}


class TestClosing:
    def test_a_channel_that_is_gone_leaves_its_bridge_and_hangs_up(self) -> None:
        kind, bridges = channels(), Bridges(HandClock().now)
        other = Fields(bridge(b"BridgeEnter", b"one", b"2").raw.replace(b"7.1", b"7.2"))
        for event in (bridge(b"BridgeEnter", b"one", b"1"), other):
            feed(kind, event)
            feed(bridges, event)
        before = {"channels": kind.by_key(), "bridges": bridges.by_key()}
        first = list(map(Message, kind.closing(before["channels"][b"7.1"], before)))
        second = list(map(Message, kind.closing(before["channels"][b"7.2"], before)))
        assert [(one.get(b"event"), one.get(b"bridgenumchannels")) for one in first + second] == [
            (b"BridgeLeave", b"1"),
            (b"Hangup", b""),
            (b"BridgeLeave", b"0"),
            (b"Hangup", b""),
        ]
        assert {one.get(b"proxysynthetic") for one in first + second} == {b"yes"}
        assert first[0].headers[-1] == (b"ProxySynthetic", b"yes")
        assert first[1].get(b"uniqueid") == b"7.1"
        assert first[1].get(b"cause") == b"0"

    def test_a_channel_of_which_nothing_else_is_known_only_hangs_up(self) -> None:
        kind = channels()
        feed(kind, bridge(b"BridgeEnter", b"one", b"1"))
        (raw,) = kind.closing(only(kind), {})
        assert raw.startswith(b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: SIP/a-1\r\n")

    def test_a_channel_that_was_not_in_the_picture_leaves_an_empty_bridge(self) -> None:
        kind, bridges = channels(), Bridges(HandClock().now)
        feed(kind, bridge(b"BridgeEnter", b"one", b"1"))
        feed(bridges, bridge(b"BridgeEnter", b"one", b"1"))
        leave, _ = kind.closing(only(kind), {"bridges": bridges.by_key()})
        assert Message(leave).get(b"bridgenumchannels") == b"0"


def test_late_events_of_a_channel_that_ended_before_the_list_do_not_bring_it_back() -> None:
    kind = channels()
    feed(kind, snapshot(b"NewCallerid"))
    assert len(kind) == 1, "it may be older than the link"
    kind.replace([])
    feed(kind, snapshot(b"NewCallerid"))
    assert len(kind) == 0
    feed(kind, NEW, snapshot(b"NewCallerid"))
    assert len(kind) == 1
