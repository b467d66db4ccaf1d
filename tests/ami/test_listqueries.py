"""Which actions are asked of several Asterisks, and which of their errors say that a list is empty."""

import pytest

from amiproxy.ami import message
from amiproxy.ami.actions import LIST_COMPLETE, MAY_HOLD
from amiproxy.ami.listqueries import COUNTS, LIST_QUERIES, is_list_query, says_empty
from amiproxy.ami.message import Action


def action(name: str, **headers: str) -> Action:
    return Action([(b"Action", name.encode()), *((k.encode(), v.encode()) for k, v in headers.items())])


def test_the_list_queries_are_these() -> None:
    named = """
        agents bridgelist bridgetechnologylist confbridgelist confbridgelistrooms coreshowchannelmap
        coreshowchannels dahdishowchannels dahdishowstatus devicestatelist extensionstatelist iaxpeerlist
        iaxpeers meetmelist meetmelistrooms mwiget parkedcalls parkinglots pjsipshowaors pjsipshowauths
        pjsipshowcontacts pjsipshowendpoint pjsipshowendpoints pjsipshowmaintenance
        pjsipshowregistrationinboundcontactstatuses pjsipshowregistrationsinbound
        pjsipshowregistrationsoutbound pjsipshowresourcelists pjsipshowsubscriptionsinbound
        pjsipshowsubscriptionsoutbound presencestatelist prishowspans queuestatus queuesummary showdialplan
        sippeers sipshowregistry status voicemailuserslist
    """
    assert sorted(LIST_QUERIES) == named.encode().split()


def test_every_list_query_has_a_last_event_that_is_known() -> None:
    assert LIST_COMPLETE.keys() >= LIST_QUERIES


@pytest.mark.parametrize("name", ["Hangup", "DBGet", "DBGetTree", "BridgeInfo", "Getvar", "Command", "Ping"])
def test_other_actions_are_no_list_queries(name: str) -> None:
    assert not is_list_query(action(name))


def test_a_list_query_changes_nothing_and_may_only_hold_asterisk_up_for_voicemail() -> None:
    assert {b"voicemailuserslist"} == LIST_QUERIES & MAY_HOLD


@pytest.mark.parametrize(
    ("asked", "everywhere"),
    [
        (action("Status"), True),
        (action("status", Channel=""), True),
        (action("Status", AllVariables="true"), True),
        (action("Status", Channel="PJSIP/alice-00000001"), False),
        (action("Status", Variables="CALLERID(num)"), False),
        (action("QueueStatus", Queue="support"), True),
        (action("coreshowchannels"), True),
    ],
)
def test_a_status_of_one_channel_or_with_variables_is_no_list_query(asked: Action, everywhere: bool) -> None:
    assert is_list_query(asked) is everywhere


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        (b"No active conferences.", True),
        (b"No Conference by that name found.", True),
        (b"No Contacts found\n", True),
        (b"No dialplan hints are available", True),
        (b"No Conference name provided.", False),
        (b"Permission denied", False),
        (b"Invalid/unknown command: SIPpeers. Use Action: ListCommands to show available commands.", False),
    ],
)
def test_errors_that_say_that_a_list_is_empty_are_recognised(text: bytes, empty: bool) -> None:
    assert says_empty(message.error(b"7", text)) is empty


def test_counts_are_in_lower_case() -> None:
    assert all(name == name.lower() for name in COUNTS)
