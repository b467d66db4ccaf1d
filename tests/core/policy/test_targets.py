"""Contexts and channels: what a user's calls may touch, however it is named."""

from typing import Any

import pytest

from tests.core.policy.test_userrules import rule_of

CONTEXTS: dict[str, Any] = {"contexts": ["internal", "team-*"]}
CHANNELS: dict[str, Any] = {"channels": ["PJSIP/100", "PJSIP/2*", "Local/9@services"]}
BOTH = CONTEXTS | CHANNELS
EVERYTHING = "all"

TO = "\nExten: 1\nPriority: 1"
RUN = "Originate\nChannel: PJSIP/100\nApplication: "


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        ("Originate\nChannel: PJSIP/7\nContext: internal" + TO, ""),
        ("Originate\nChannel: PJSIP/7\nContext: team-a" + TO, ""),
        ("Originate\nChannel: PJSIP/7\nContext: Internal" + TO, "contexts"),
        ("Originate\nChannel: PJSIP/7\nContext: outside" + TO, "contexts"),
        ("Originate\nChannel: PJSIP/7" + TO, "contexts"),
        ("Originate\nChannel: PJSIP/7\nApplication: Echo", ""),
        ("Originate\nChannel: PJSIP/7\nApplication: Echo\nContext: outside", "contexts"),
        ("Originate\nChannel: Local/1@internal\nApplication: Echo", ""),
        ("Originate\nChannel: Local/1@internal/n\nApplication: Echo", ""),
        ("Originate\nChannel: lOCAL/1@outside\nApplication: Echo", "contexts"),
        ("Originate\nChannel: Local/1\nApplication: Echo", "contexts"),
        ("Originate\nChannel: Local/1@internal@outside\nApplication: Echo", "contexts"),
        ("Originate\nChannel: Local/1/2@internal\nApplication: Echo", "contexts"),
        ("Originate\nChannel: Local/1@internal/../x\nApplication: Echo", "contexts"),
        ("Originate\nChannel: Local/1@internal&Local/1@outside\nApplication: Echo", "contexts"),
        ("Originate\nChannel: PJSIP/7\nContext: internal\nVariable: A=1,TRANSFER_CONTEXT=team-b" + TO, ""),
        ("Originate\nChannel: PJSIP/7\nContext: internal\nVariable: __TRANSFER_CONTEXT=out" + TO, "contexts"),
        ("Originate\nChannel: PJSIP/7\nContext: internal\nVariable: GOTO_ON_BLINDXFR=a^b^c" + TO, "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: _FORWARD_CONTEXT\nValue: internal", ""),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: FORWARD_CONTEXT\nValue: outside", "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: PARKINGDYNCONTEXT\nValue: internal", ""),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: PARKINGDYNCONTEXT\nValue: outside", "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: __MEETME_EXIT_CONTEXT\nValue: outside", "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: SPY_EXIT_CONTEXT\nValue: outside", "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: PARKINGLOT\nValue: internal", "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: PARKINGDYNAMIC\nValue: x", "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: PARKINGSPACE\nValue: x", ""),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: CONNECTED_LINE_SEND_SUB\nValue: outside,1,1", "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: REDIRECTING_SEND_SUB_ARGS\nValue: x", "contexts"),
        ("Setvar\nChannel: PJSIP/7-1\nVariable: _REDIRECTING_CALLEE_SEND_MACRO\nValue: x", "contexts"),
        ("Park\nChannel: PJSIP/7-1", ""),
        ("Park\nChannel: PJSIP/7-1\nParkinglot: internal", "contexts"),
        ("Redirect\nChannel: PJSIP/7-1\nContext: internal" + TO, ""),
        ("Redirect\nChannel: PJSIP/7-1\nContext: outside" + TO, "contexts"),
        ("Redirect\nChannel: PJSIP/7-1" + TO, "contexts"),
        ("Redirect\nChannel: A/1\nExtraChannel: A/2\nContext: internal" + TO, ""),
        (
            "Redirect\nChannel: A/1\nExtraChannel: A/2\nContext: internal\nExtraContext: outside" + TO,
            "contexts",
        ),
        ("Redirect\nChannel: A/1\nExtraChannel: A/2\nContext: internal\nExtraExten: 1" + TO, "contexts"),
        ("Redirect\nChannel: A/1\nContext: internal\nExtraExten: 1\nExtraContext: team-x" + TO, ""),
        ("Atxfer\nChannel: A/1\nExten: 1\nContext: internal", ""),
        ("Atxfer\nChannel: A/1\nExten: 1", "contexts"),
        ("BlindTransfer\nChannel: A/1\nExten: 1\nContext: outside", "contexts"),
        ("QueueAdd\nQueue: a\nInterface: Local/1@internal/n", ""),
        ("QueueAdd\nQueue: a\nInterface: Local/1@outside/n", "contexts"),
        ("QueueAdd\nQueue: a\nInterface: PJSIP/7\nStateInterface: Local/1@outside", "contexts"),
        ("DialplanExtensionAdd\nContext: internal\nExtension: 1\nPriority: 1\nApplication: NoOp", ""),
        ("DialplanExtensionAdd\nContext: outside\nExtension: 1\nPriority: 1\nApplication: NoOp", "contexts"),
        ("ExtensionState\nContext: outside\nExten: 1", ""),
        ("Hangup\nChannel: PJSIP/7-00000001", ""),
        (RUN + "Dial\nData: Local/1@internal&PJSIP/7,20,tT", ""),
        (RUN + "Dial\nData: Local/1@internal&Local/2@outside", "contexts"),
        (RUN + "Dial\nData: PJSIP/7,20,G(outside^1^1)", "contexts"),
        (RUN + "Dial\nData: PJSIP/7,20,L(1000)m(jazz)", ""),
        (RUN + "Dial\nData: PJSIP/7,x", "contexts"),
        (RUN + "Dial\nData: PJSIP/7,1,t,http://x", "contexts"),
        (RUN + "Dial", "contexts"),
        (RUN + "Page\nData: Local/1@internal", ""),
        (RUN + "Page\nData: Local/1@internal,A(x)", "contexts"),
        (RUN + "Goto\nData: internal,1,1", ""),
        (RUN + "Gosub\nData: team-a,1,1(x,y)", ""),
        (RUN + "Goto\nData: outside,1,1", "contexts"),
        (RUN + "Goto\nData: 1,1", "contexts"),
        (RUN + "Queue\nData: sales", ""),
        (RUN + "Queue\nData: sales,,,,10,,outside", "contexts"),
        # The subroutine is the eighth argument up to Asterisk 20, the seventh from 21 on.
        (RUN + "Queue\nData: sales,,,,10,,,outside^1^1", "contexts"),
        (RUN + "Queue\nData: sales,,,,10,,,,rule", ""),
        (RUN + "GotoIf\nData: 1?internal,1,1", "contexts"),
        ("AGI\nChannel: A/1\nCommand: EXEC Dial Local/1@internal", ""),
        ('AGI\nChannel: A/1\nCommand: exec "Dial" Local/1@outside', "contexts"),
        # Asterisk cuts long names, and what is left may name another context, or none.
        (f"Originate\nChannel: Local/{'1' * 79}@internal\nApplication: Echo", ""),
        (f"Originate\nChannel: Local/{'1' * 80}@internal\nApplication: Echo", "contexts"),
        (f"Originate\nChannel: Local/{'1' * 249}@internal\nApplication: Echo", "contexts"),
        (f"Originate\nChannel: PJSIP/{'1' * 249}\nApplication: Echo", ""),
        (f"Originate\nChannel: PJSIP/{'1' * 250}\nApplication: Echo", "contexts"),
        (f"QueueAdd\nQueue: a\nInterface: Local/{'1' * 64}@internal", ""),
        (f"QueueAdd\nQueue: a\nInterface: Local/{'1' * 65}@internal", "contexts"),
        (f"Redirect\nChannel: A/1\nContext: team-{'x' * 74}" + TO, ""),
        (f"Redirect\nChannel: A/1\nContext: team-{'x' * 75}" + TO, "contexts"),
        (RUN + f"Goto\nData: team-{'x' * 75},1,1", "contexts"),
        (RUN + "Set\nData: A=1", ""),
        (RUN + "Read\nData: A,,3", ""),
        (RUN + "Read\nData: __TRANSFER_CONTEXT,,3", "contexts"),
        (RUN + "Read", ""),
        (RUN + "MSet\nData: A=1,_TRANSFER_CONTEXT=outside", "contexts"),
        ("AGI\nChannel: A/1\nCommand: SET VARIABLE TRANSFER_CONTEXT internal", ""),
        ("AGI\nChannel: A/1\nCommand: SET VARIABLE __TRANSFER_CONTEXT outside", "contexts"),
        ("AGI\nChannel: A/1\nCommand: SET VARIABLE", ""),
        ('AGI\nChannel: A/1\nCommand: EXEC Set "TRANSFER_CONTEXT=outside"', "contexts"),
        ("AGI\nChannel: A/1\nCommand: GOSUB internal 1 1", ""),
        ("AGI\nChannel: A/1\nCommand: GOSUB outside 1 1", "contexts"),
        ("AGI\nChannel: A/1\nCommand: SET CONTEXT internal", ""),
        ("AGI\nChannel: A/1\nCommand: Set Context outside", "contexts"),
        ("AGI\nChannel: A/1\nCommand: ANSWER", ""),
        ("Command\nCommand: core show channels", ""),
        ("Command\nCommand: channel redirect A/1 outside,1,1", "contexts"),
        (RUN + "Macro\nData: x", "contexts"),
    ],
)
def test_contexts(action: str, rule: str) -> None:
    assert rule_of(CONTEXTS, action, EVERYTHING) == rule


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        ("Originate\nChannel: PJSIP/100\nApplication: Echo", ""),
        ("Originate\nChannel: pjsip/100\nApplication: Echo", ""),
        ("Originate\nChannel: PJSIP/299\nApplication: Echo", ""),
        ("Originate\nChannel: PJSIP/1001\nApplication: Echo", "channels"),
        ("Originate\nChannel: PJSIP/2@trunk\nApplication: Echo", "channels"),
        ("Originate\nChannel: PJSIP/2/sip:x\nApplication: Echo", "channels"),
        ("Originate\nChannel: PJSIP/100-00000001\nApplication: Echo", "channels"),
        ("Originate\nChannel: Local/9@services\nApplication: Echo", ""),
        ("Originate\nChannel: Local/8@services\nApplication: Echo", "channels"),
        ("Originate\nChannel: PJSIP/100\nContext: anywhere" + TO, ""),
        ("Hangup\nChannel: PJSIP/100-0000002a", ""),
        ("Hangup\nChannel: PJSIP/1001-0000002a", "channels"),
        ("Hangup\nChannel: 1700000000.12", "channels"),
        ("Hangup\nChannel: /.*/", "channels"),
        ("Redirect\nChannel: PJSIP/100-1\nExtraChannel: PJSIP/3-1\nContext: a" + TO, "channels"),
        ("Bridge\nChannel1: PJSIP/100-1\nChannel2: PJSIP/200-1", ""),
        ("Bridge\nChannel1: PJSIP/100-1\nChannel2: PJSIP/300-1", "channels"),
        ("Park\nChannel: PJSIP/100-1\nTimeoutChannel: PJSIP/3-1", "channels"),
        ("Atxfer\nChannel: PJSIP/3-1\nExten: 1", "channels"),
        ("ConfbridgeKick\nConference: a\nChannel: all", "channels"),
        # A name that is not whole stands for the first that begins so, and some words for everybody.
        ("ConfbridgeKick\nConference: a\nChannel: PJSIP/100-0000002a", ""),
        ("ConfbridgeMute\nConference: a\nChannel: PJSIP/100", "channels"),
        ("ConfbridgeMute\nConference: a\nChannel: PJSIP/300-0000002a", "channels"),
        ("ConfbridgeUnmute\nConference: a\nChannel: participants", "channels"),
        ("ConfbridgeLock\nConference: a", "channels"),
        ("ConfbridgeUnlock\nConference: a", "channels"),
        ("MeetmeMute\nMeetme: a\nUsernum: 1", "channels"),
        ("MeetmeUnmute\nMeetme: a\nUsernum: 1", "channels"),
        ("AgentLogoff\nAgent: 1", "channels"),
        ("QueuePause\nPaused: true\nQueue: a", "channels"),
        ("QueuePause\nPaused: true\nInterface: PJSIP/100", ""),
        ("QueuePause\nPaused: true\nInterface: PJSIP/300", "channels"),
        ("QueueAdd\nQueue: a\nInterface: PJSIP/3", "channels"),
        ("QueueWithdrawCaller\nQueue: a\nCaller: PJSIP/3-1", "channels"),
        ("BridgeDestroy\nBridgeUniqueid: x", "channels"),
        ("Ping", ""),
        (RUN + "Dial\nData: PJSIP/200", ""),
        (RUN + "Dial\nData: PJSIP/3", "channels"),
        (RUN + "Goto\nData: anywhere,1,1", ""),
        (RUN + "ChanSpy\nData: PJSIP/3", "channels"),
        ("AGI\nChannel: PJSIP/100-1\nCommand: HANGUP PJSIP/3-1", "channels"),
        ("AGI\nChannel: PJSIP/100-1\nCommand: HANGUP PJSIP/100-1", ""),
        ("AGI\nChannel: PJSIP/100-1\nCommand: HANGUP PJSIP/200-1", ""),
        ("AGI\nChannel: PJSIP/100-1\nCommand: CHANNEL STATUS PJSIP/3-1", "channels"),
        ("AGI\nChannel: PJSIP/100-1\nCommand: GET FULL VARIABLE ${A} PJSIP/3-1", "channels"),
        ("AGI\nChannel: PJSIP/100-1\nCommand: GET FULL VARIABLE ${A}", ""),
        ("AGI\nChannel: PJSIP/3-1\nCommand: ANSWER", "channels"),
        ('Command\nCommand: channel\t"originate" PJSIP/3 application Echo', "channels"),
        ("Command\nCommand: confbridge kick a all", "channels"),
        ("Command\nCommand: confbridge list", ""),
        ("Command\nCommand: meetme mute a all", "channels"),
        ("Command\nCommand: queue remove member PJSIP/3 from a", "channels"),
        ("Command\nCommand: agent logoff 1", "channels"),
        ("Command\nCommand: queue show", ""),
        (RUN + "SendDTMF\nData: 1", ""),
        (RUN + "SendDTMF\nData: 1,,,PJSIP/300-00000001", "channels"),
        (RUN + "SendDTMF\nData: 1,,,,a", ""),
        (RUN + "Set\nData: A=1", ""),
        ("AGI\nChannel: PJSIP/100-1\nCommand: SET VARIABLE TRANSFER_CONTEXT outside", ""),
    ],
)
def test_channels(action: str, rule: str) -> None:
    assert rule_of(CHANNELS, action, EVERYTHING) == rule


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        ("Originate\nChannel: Local/5@internal\nApplication: Echo", ""),
        ("Originate\nChannel: Local/9@services\nApplication: Echo", "contexts"),
        ("Hangup\nChannel: Local/5@internal-00000001;2", ""),
        ("Hangup\nChannel: Local/5@outside-00000001;2", "contexts"),
        ("Originate\nChannel: PJSIP/3\nContext: internal" + TO, "channels"),
    ],
)
def test_where_both_are_given_the_contexts_decide_on_local_channels(action: str, rule: str) -> None:
    assert rule_of(BOTH, action, EVERYTHING) == rule


def test_an_empty_list_allows_nothing() -> None:
    assert rule_of({"contexts": []}, "Redirect\nChannel: a/1\nContext: x" + TO) == "contexts"
    assert rule_of({"contexts": []}, "Redirect\nChannel: a/1\nContext:" + TO) == "contexts"
    assert rule_of({"channels": []}, "Hangup\nChannel: PJSIP/1") == "channels"
