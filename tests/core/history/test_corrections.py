"""The events that lead from what was there when the link was lost to what is there now."""

from collections.abc import Mapping

import pytest

from amiproxy.core.history.corrections import corrections
from amiproxy.core.history.kinds.agents import Agents
from amiproxy.core.history.kinds.bridges import Bridges
from amiproxy.core.history.kinds.channels import Channels
from amiproxy.core.history.kinds.lines.devices import Devices
from amiproxy.core.history.kinds.lines.extensions import Extensions
from amiproxy.core.history.kinds.lines.peers import Peers
from amiproxy.core.history.kinds.parked import Parked
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.kept import Lost
from amiproxy.core.history.state.kind import Kind, Maker

Items = tuple[Mapping[str, str], ...]


def item(event: str, **headers: str) -> dict[str, str]:
    return {"Event": event, **headers}


def channel(number: int, bridge: str = "", state: str = "Up") -> dict[str, str]:
    name = f"PJSIP/{number}-1"
    return item(
        "CoreShowChannel",
        Channel=name,
        ChannelStateDesc=state,
        Uniqueid=f"1.{number}",
        Linkedid=f"1.{number}",
        BridgeId=bridge,
    )


def bridge(name: str) -> dict[str, str]:
    return item("BridgeListItem", BridgeUniqueid=name, BridgeType="basic", BridgeTechnology="simple_bridge")


def parked(number: int, space: int) -> dict[str, str]:
    channel = f"PJSIP/{number}-1"
    return item(
        "ParkedCall",
        ParkeeChannel=channel,
        ParkeeUniqueid=f"1.{number}",
        Parkinglot="default",
        ParkingSpace=str(space),
    )


def agent(status: str, **more: str) -> dict[str, str]:
    return item("Agents", Agent="1001", Name="Ann", Status=status, **more)


def kind_of(make: Maker, items: Items) -> Kind:
    kind = make(lambda: 0.0)
    kind.replace(
        [
            Fields("".join(f"{name}: {value}\r\n" for name, value in each.items()).encode() + b"\r\n")
            for each in items
        ]
    )
    return kind


def lost(make: Maker, before: Items, after: Items, moved: Items | None = None) -> tuple[Lost, Kind]:
    """A kind before, as events have ``moved`` it since the link is back, and as it is."""
    was = kind_of(make, before)
    keys = frozenset(was.by_key())
    return Lost(keys, was if moved is None else kind_of(make, moved)), kind_of(make, after)


def names(raws: list[bytes]) -> list[str]:
    return [raw[7 : raw.find(b"\r\n")].decode() for raw in raws]


def found(*losses: tuple[Lost, Kind]) -> tuple[list[str], list[str]]:
    """The names of the ends, and of the other corrections."""
    result = corrections(losses)
    for each in (*result.ends, *result.others):
        assert each.raw.endswith(b"\r\nProxySynthetic: yes\r\n\r\n")
    return names([each.raw for each in result.ends]), names([each.raw for each in result.others])


def test_what_is_the_same_needs_no_correction() -> None:
    same = channel(1, "b"), channel(2)
    assert found(lost(Channels, same, same), lost(Bridges, (bridge("b"),), (bridge("b"),))) == ([], [])


def test_everything_else_ends_before_its_channel_and_channels_leave_bridges_first() -> None:
    ends, others = found(
        lost(Channels, (channel(1, "b"), channel(2, "b")), ()),
        lost(Bridges, (bridge("b"),), ()),
        lost(Parked, (parked(3, 701),), ()),
    )
    assert ends == ["ParkedCallGiveUp", "BridgeLeave", "Hangup", "BridgeLeave", "Hangup", "BridgeDestroy"]
    assert others == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((), (channel(1, "b"),), ["Newchannel", "BridgeEnter"]),
        ((channel(1, state="Ring"),), (channel(1),), ["Newstate"]),
        ((channel(1),), (channel(1, "b"),), ["Newstate", "BridgeEnter"]),
        ((channel(1, "b"),), (channel(1),), ["BridgeLeave", "Newstate"]),
        ((channel(1, "b"),), (channel(1, "c"),), ["BridgeLeave", "Newstate", "BridgeEnter"]),
    ],
)
def test_channels_begin_and_change(before: Items, after: Items, expected: list[str]) -> None:
    bridges = bridge("b"), bridge("c")
    assert found(lost(Channels, before, after), lost(Bridges, bridges, bridges)) == ([], expected)


def test_what_began_by_events_and_is_not_listed_is_left_to_the_events_that_end_it() -> None:
    assert found(lost(Channels, (), (), moved=(channel(1),))) == ([], [])


def test_what_ended_by_events_needs_no_correction() -> None:
    assert found(lost(Channels, (channel(1),), (), moved=())) == ([], [])


def test_a_space_that_another_call_has_taken_ends_and_begins() -> None:
    assert found(lost(Parked, (parked(1, 701),), (parked(2, 701),))) == (["ParkedCallGiveUp"], ["ParkedCall"])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (agent("AGENT_LOGGEDOFF"), agent("AGENT_IDLE", Channel="PJSIP/1-1", Uniqueid="1.1"), "AgentLogin"),
        (agent("AGENT_IDLE", Channel="PJSIP/1-1", Uniqueid="1.1"), agent("AGENT_LOGGEDOFF"), "AgentLogoff"),
    ],
)
def test_agents_log_in_or_off(before: dict[str, str], after: dict[str, str], expected: str) -> None:
    ends, others = found(lost(Agents, (before,), (after,)))
    assert [*ends, *others] == [expected]


def test_corrections_belong_to_the_call_of_their_channel() -> None:
    result = corrections([lost(Channels, (channel(1), channel(2)), ()), lost(Bridges, (bridge("b"),), ())])
    calls = [each.call for each in result.ends]
    assert calls[0] is not None
    assert calls[0] is not calls[1]
    assert calls[2] is None, "nobody was in that bridge"


def peer(status: str, address: str = "127.0.0.1", port: str = "5062") -> dict[str, str]:
    return item(
        "PeerEntry",
        Channeltype="SIP",
        ObjectName="dave",
        IPaddress=address,
        IPport=port,
        Dynamic="yes",
        Status=status,
    )


def peer_events(before: Items, after: Items) -> list[str]:
    found = corrections([lost(Peers, before, after)])
    return [
        line.decode()
        for each in (*found.ends, *found.others)
        for line in each.raw.split(b"\r\n")
        if line.startswith((b"PeerStatus:", b"Address:"))
    ]


def test_a_peer_that_has_changed_is_told_where_it_is_and_whether_it_answers() -> None:
    registered = ["PeerStatus: Registered", "Address: 127.0.0.1:5062"]
    assert peer_events((peer("OK (3 ms)"),), (peer("UNREACHABLE"),)) == [
        *registered,
        "PeerStatus: Unreachable",
    ]
    assert peer_events((), (peer("OK (3 ms)"),)) == [*registered, "PeerStatus: Reachable"]
    assert peer_events((peer("OK (3 ms)"),), (peer("UNKNOWN", "-none-", "0"),)) == [
        "PeerStatus: Unregistered"
    ]
    assert peer_events((peer("OK (3 ms)"),), ()) == ["PeerStatus: Unregistered"]


def test_lines_that_have_changed_are_told_by_their_events() -> None:
    found = corrections(
        [
            lost(
                Devices,
                (item("DeviceStateChange", Device="Custom:a", State="INUSE"),),
                (item("DeviceStateChange", Device="Custom:a", State="NOT_INUSE"),),
            ),
            lost(
                Extensions,
                (item("ExtensionStatus", Exten="1", Context="c", Hint="h", Status="1", StatusText="InUse"),),
                (),
            ),
        ]
    )
    assert [each.raw for each in found.ends] == [
        b"Event: ExtensionStatus\r\nPrivilege: call,all\r\nExten: 1\r\nContext: c\r\nHint: h\r\n"
        b"Status: -1\r\nStatusText: Unknown\r\nProxySynthetic: yes\r\n\r\n"
    ]
    assert [each.raw for each in found.others] == [
        b"Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: Custom:a\r\nState: NOT_INUSE\r\n"
        b"ProxySynthetic: yes\r\n\r\n"
    ]


def test_a_channel_that_is_told_in_a_bridge_is_told_with_what_is_known_about_the_bridge() -> None:
    result = corrections([lost(Channels, (), (channel(1, "b"),)), lost(Bridges, (), (bridge("b"),))])
    (entered,) = [each.raw for each in result.others if each.raw.startswith(b"Event: BridgeEnter\r\n")]
    assert b"\r\nBridgeUniqueid: b\r\nBridgeType: basic\r\nBridgeTechnology: simple_bridge\r\n" in entered
