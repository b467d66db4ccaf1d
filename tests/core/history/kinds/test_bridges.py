"""Bridges, and which channels are one call by the lists."""

from amiproxy.ami.message import Message
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.kinds.bridges import Bridges
from amiproxy.core.history.kinds.channels import Channels
from amiproxy.core.history.kinds.joining import calls
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.kind import Kind
from tests.support.core_doubles import HandClock


def bridge(
    name: bytes, number: bytes = b"one", inside: bytes = b"0", technology: bytes = b"softmix"
) -> Fields:
    """An event about a bridge, as Asterisk writes it."""
    return Fields(
        b"Event: %s\r\nPrivilege: call,all\r\nBridgeUniqueid: %s\r\nBridgeType: base\r\n"
        b"BridgeTechnology: %s\r\nBridgeCreator: ConfBridge\r\nBridgeName: 1\r\n"
        b"BridgeNumChannels: %s\r\nBridgeVideoSourceMode: none\r\n\r\n" % (name, number, technology, inside)
    )


def bridges(*events: Fields) -> Bridges:
    kind = Bridges(HandClock().now)
    feed(kind, *events)
    return kind


def feed(kind: Kind, *events: Fields) -> None:
    for event in events:
        kind.events[event.name](event)


def inside(kind: Kind) -> dict[bytes, bytes]:
    return {item.key: item.values[b"BridgeNumChannels"] for item in kind.items()}


def test_an_event_of_no_bridge_is_ignored() -> None:
    assert inside(bridges(Fields(b"Event: BridgeCreate\r\nPrivilege: call,all\r\n\r\n"))) == {}


def test_a_bridge_lives_from_its_creation_to_its_end() -> None:
    kind = bridges(bridge(b"BridgeCreate"), bridge(b"BridgeEnter", inside=b"1"))
    assert inside(kind) == {b"one": b"1"}
    feed(kind, bridge(b"BridgeLeave"), bridge(b"BridgeCreate", b"two"))
    assert inside(kind) == {b"one": b"0", b"two": b"0"}
    feed(kind, bridge(b"BridgeDestroy"), bridge(b"BridgeDestroy"))
    assert inside(kind) == {b"two": b"0"}


def test_a_channel_that_enters_an_unknown_bridge_creates_it_and_one_that_leaves_does_not() -> None:
    assert inside(bridges(bridge(b"BridgeEnter", inside=b"1"))) == {b"one": b"1"}
    assert inside(bridges(bridge(b"BridgeLeave"))) == {}


def test_merged_bridges_are_both_told_and_unknown_ones_are_not_created() -> None:
    kind = bridges(bridge(b"BridgeCreate", b"one"))
    feed(
        kind,
        Fields(
            b"Event: BridgeMerge\r\nPrivilege: call,all\r\nToBridgeUniqueid: one\r\n"
            b"ToBridgeNumChannels: 3\r\nFromBridgeUniqueid: two\r\nFromBridgeNumChannels: 0\r\n\r\n"
        ),
    )
    assert inside(kind) == {b"one": b"3"}


def test_a_bridge_is_about_the_call_of_its_id() -> None:
    (item,) = bridges(bridge(b"BridgeCreate")).items()
    assert item.facts() == CallFacts((b"one",), (), (), (), (), b"")


def test_a_bridge_that_is_gone_is_destroyed_empty() -> None:
    kind = bridges(bridge(b"BridgeEnter", inside=b"2"))
    (raw,) = kind.closing(kind.items()[0], {})
    found = Message(raw)
    assert found.get(b"event") == b"BridgeDestroy"
    assert found.get(b"bridgenumchannels") == b"0"
    assert found.get(b"proxysynthetic") == b"yes"


def test_channels_in_one_bridge_are_one_call_unless_they_only_wait_there() -> None:
    known = bridges(
        bridge(b"BridgeEnter", b"talk", b"1"), bridge(b"BridgeEnter", b"wait", b"1", b"holding_bridge")
    )
    channels = Channels(HandClock().now)
    channels.replace(
        [
            Fields(
                b"Event: CoreShowChannel\r\nChannel: SIP/a-1\r\nUniqueid: %s\r\nLinkedid: 7.0\r\n"
                b"BridgeId: %s\r\n\r\n" % (number, where)
            )
            for number, where in ((b"7.1", b"talk"), (b"7.2", b"wait"), (b"7.3", b""), (b"7.4", b"unknown"))
        ]
    )
    found = calls(channels.items(), known.items())
    assert [facts.ids for facts in found] == [(b"7.1", b"talk"), (b"7.2",), (b"7.3",), (b"7.4",)]
    assert {facts.linked for facts in found} == {(b"7.0",)}
