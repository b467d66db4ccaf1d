"""Agents: what lists and events of Asterisk 22 and 16 have said."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.history.kinds.agents import AGENT, Agents
from amiproxy.core.history.showing import Showing
from tests.core.history.kinds.recorded import happened, listed, messages, texts, values

OFF = """
Event: Agents
Agent: 1001
Name: Agent One
Status: AGENT_LOGGEDOFF

Event: Agents
Agent: 1002
Name: Agent Two
Status: AGENT_LOGGEDOFF
"""


def channel(number: int) -> str:
    return f"""Channel: Local/stay@lab-0000000{number};1
ChannelState: 6
CallerIDNum: <unknown>
Context: lab
Uniqueid: ag{number}
Linkedid: ag{number}
"""


LOGIN = f"Event: AgentLogin\nPrivilege: agent,all\n{channel(1)}Agent: 1001\n\n"
LOGOFF = f"Event: AgentLogoff\nPrivilege: agent,all\n{channel(1)}Agent: 1001\nLogintime: 5\n\n"
IDLE = f"""
Event: Agents
Agent: 1001
Name: Agent One
Status: AGENT_IDLE
LoggedInTime: 1796059988
{channel(1)}"""
FIELDS = ("Status", "TalkingToChan", "Uniqueid")


def enters(number: int, channels: int, bridge: str = "b1", technology: str = "simple_bridge") -> str:
    return (
        f"Event: BridgeEnter\nPrivilege: call,all\nBridgeUniqueid: {bridge}\nBridgeTechnology: {technology}\n"
        f"BridgeNumChannels: {channels}\n{channel(number)}\n"
    )


def leaves(number: int, channels: int, bridge: str = "b1") -> str:
    return enters(number, channels, bridge).replace("BridgeEnter", "BridgeLeave")


@pytest.fixture
def agents() -> Agents:
    kind = Agents(lambda: 0.0)
    listed(kind, OFF)
    return kind


@pytest.fixture
def idle() -> Agents:
    kind = Agents(lambda: 0.0)
    listed(kind, IDLE + "\n" + OFF.split("\n\n")[1])
    return kind


def test_agents_log_in_and_off(agents: Agents) -> None:
    happened(agents, LOGIN)
    assert values(agents, *FIELDS)["1001"] == ("AGENT_IDLE", "?", "ag1")
    assert agents.is_outdated  # only the list says since when
    happened(agents, LOGOFF * 2)
    assert values(agents, *FIELDS, "Name") == {
        "1001": ("AGENT_LOGGEDOFF", "?", "?", "Agent One"),
        "1002": ("AGENT_LOGGEDOFF", "?", "?", "Agent Two"),
    }


def test_a_login_that_the_list_has_told_takes_nothing_away(idle: Agents) -> None:
    happened(idle, LOGIN)
    assert values(idle, "Status", "LoggedInTime")["1001"] == ("AGENT_IDLE", "1796059988")


def test_a_logoff_of_an_earlier_login_is_late(idle: Agents) -> None:
    happened(idle, LOGOFF.replace("ag1", "ag0"))
    assert values(idle, "Status")["1001"] == ("AGENT_IDLE",)


def test_an_agent_that_no_list_had_is_known(agents: Agents) -> None:
    happened(agents, LOGOFF.replace("Agent: 1001", "Agent: 1003") * 2)
    assert agents.is_outdated
    assert values(agents, "Status", "Name")["1003"] == ("AGENT_LOGGEDOFF", "?")


def test_forged_headers_tell_nothing(agents: Agents) -> None:
    happened(agents, LOGIN.replace("Context: lab", "Context: lab\nAgent: 1002"))
    happened(agents, LOGOFF.replace("Context: lab", "Context: lab\nAgent: 1002"))
    happened(agents, LOGIN.replace("Context: lab", "Context: lab\nUniqueid: x"))
    assert values(agents, "Status") == {"1001": ("AGENT_LOGGEDOFF",), "1002": ("AGENT_LOGGEDOFF",)}


def test_an_agent_talks_to_those_in_its_bridge(idle: Agents) -> None:
    happened(idle, enters(2, 1) + enters(1, 2))
    assert values(idle, *FIELDS)["1001"] == ("AGENT_ONCALL", "Local/stay@lab-00000002;1", "ag1")
    assert idle.is_outdated  # only the list says since when
    idle.is_outdated = False
    happened(idle, enters(3, 3))
    peers = "Local/stay@lab-00000002;1,Local/stay@lab-00000003;1"
    assert values(idle, "TalkingToChan")["1001"] == (peers,)
    happened(idle, leaves(2, 2))
    assert values(idle, "TalkingToChan")["1001"] == ("Local/stay@lab-00000003;1",)
    happened(idle, leaves(1, 1) + leaves(3, 0) + leaves(3, 0))
    assert values(idle, "Status")["1001"] == ("AGENT_ONCALL",)
    happened(idle, enters(1, 1, "hold", "holding_bridge"))
    assert values(idle, *FIELDS)["1001"] == ("AGENT_IDLE", "?", "ag1")
    assert not idle.is_outdated


def test_a_bridge_with_unknown_channels_has_the_list_asked_again(idle: Agents) -> None:
    happened(idle, enters(2, 2))
    assert not idle.is_outdated
    happened(idle, enters(1, 2, "b2"))
    assert idle.is_outdated


def test_other_bridges_tell_nothing(idle: Agents) -> None:
    happened(idle, enters(4, 1, "b4") + enters(5, 2, "b4") + enters(6, 1, "hold", "holding_bridge"))
    happened(idle, "Event: BridgeEnter\nBridgeUniqueid: b1\nBridgeUniqueid: b2\nUniqueid: ag1\n")
    assert values(idle, "Status")["1001"] == ("AGENT_IDLE",)
    assert not idle.is_outdated


def test_without_agents_bridges_are_not_followed() -> None:
    kind = Agents(lambda: 0.0)
    happened(kind, enters(1, 1))
    assert kind._bridges == {}


def test_the_channel_of_an_agent_is_renamed(idle: Agents) -> None:
    happened(idle, "Event: Rename\nChannel: x\nNewname: Local/y-1;1\nUniqueid: ag1\n")
    happened(idle, "Event: Rename\nChannel: x\nNewname: Local/z-1;1\nUniqueid: other\n")
    assert values(idle, "Channel")["1001"] == ("Local/y-1;1",)


def test_the_list_ends_one_line_without_cr(agents: Agents) -> None:
    (event,) = messages(IDLE.replace("Status: AGENT_IDLE", "Status: AGENT_ONCALL\nTalkingToChan: a"))
    raw = event.raw.replace(b"LoggedInTime", b"CallStarted: 17\nLoggedInTime")
    agents.replace([type(event)(raw)])
    names = ("TalkingToChan", "CallStarted", "LoggedInTime", "Channel")
    assert values(agents, *names) == {"1001": ("a", "17", "1796059988", "Local/stay@lab-00000001;1")}
    happened(agents, enters(1, 1, "hold", "holding_bridge"))
    assert values(agents, *names)["1001"] == ("?", "?", "1796059988", "Local/stay@lab-00000001;1")


def test_an_agent_that_is_not_logged_in_any_more_has_logged_off(idle: Agents) -> None:
    logged_in, off = idle.items()
    ((*lines,),) = texts(idle.closing(logged_in, {}))
    assert lines[:2] == ["Event: AgentLogoff", "Privilege: agent,all"]
    assert lines[-2:] == ["Agent: 1001", "ProxySynthetic: yes"]
    assert "Uniqueid: ag1" in lines
    assert idle.closing(off, {}) == []


def test_a_login_ends_with_its_channel(idle: Agents) -> None:
    logged_in, off = idle.items()
    assert idle.has_ended(logged_in, None)
    assert idle.has_ended(logged_in, off)
    assert not idle.has_ended(logged_in, logged_in)
    assert not idle.has_ended(off, logged_in)


def test_a_scope_judges_the_channel_of_the_agent(idle: Agents) -> None:
    logged_in, off = [item.facts() for item in idle.items()]
    assert logged_in is not None
    assert logged_in.ids == (b"ag1",)
    assert off is not None
    assert off.ids == off.devices == ()
    assert not off.of_no_call


def test_talking_shows_to_those_who_see_the_bridge(idle: Agents) -> None:
    happened(idle, enters(2, 1) + enters(1, 2))
    bridge = AGENT.carriers[-1]
    talking, off = [item.as_event(bridge) for item in idle.items()]
    assert talking is not None
    assert b"\r\nChannel: Local/stay@lab-00000002;1\r\n" in talking
    assert off is None


def test_filters_hide_with_whom_an_agent_talks(idle: Agents) -> None:
    # Nobody knows whether they would admit the events of these channels, by their caller ids for instance.
    happened(idle, enters(2, 1) + enters(1, 2))
    filters = FilterSet((compile_legacy(b"!CallerIDNum: 555"),))
    shown = [
        Showing(privilege.ALL, each, None, None).written(idle.items()[0], b"") for each in (None, filters)
    ]
    assert [b"TalkingToChan" in raw for raw in shown] == [True, False]
    assert all(b"\r\nStatus: AGENT_ONCALL\r\n" in raw for raw in shown)


def test_a_channel_that_has_not_left_is_forgotten_with_its_bridge(idle: Agents) -> None:
    happened(idle, enters(2, 1))
    happened(idle, leaves(2, 0).replace("Uniqueid: ag2", "Uniqueid: ag2\nUniqueid: x"))
    assert idle._bridges
    happened(idle, "Event: BridgeDestroy\nBridgeUniqueid: b1\n")
    assert idle._bridges == {}


def test_a_copy_goes_its_own_way_and_without_a_link_nothing_is_known(idle: Agents) -> None:
    happened(idle, enters(2, 1))
    heir = Agents(lambda: 0.0)
    heir.inherit(idle)
    idle.forget()
    happened(heir, enters(1, 2))
    assert values(heir, "Status")["1001"] == ("AGENT_ONCALL",)
    assert idle.items() == []


def test_an_item_of_another_list_is_none() -> None:
    kind = Agents(lambda: 0.0)
    listed(kind, "Event: Agents\nName: Nobody\n\nEvent: QueueMember\nAgent: 1")
    assert len(kind) == 0
