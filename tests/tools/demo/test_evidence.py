"""The demo's promises, and whether each was observed."""

import pytest

from amiproxy.tools.demo.accounts import desk, wallboard
from amiproxy.tools.demo.client import Received
from amiproxy.tools.demo.evidence import Evidence


def event(name, privilege, **headers):
    privileges = () if privilege is None else (("Privilege", privilege),)
    return Received((("Event", name), *privileges, *headers.items()))


CALL = event("Newchannel", "call,all", Uniqueid="1.1")
AGENT = event("AgentCalled", "agent,all")
USER = event("UserEvent", "user,all")


@pytest.fixture
def accounts():
    return wallboard(), desk()


def judged(accounts, wallboard_saw, desk_saw, *, has_agents=True):
    evidence = Evidence(*accounts, has_agents=has_agents)
    for account, events in zip(accounts, (wallboard_saw, desk_saw), strict=True):
        for each in events:
            evidence.saw(account, each)
    return evidence


def broken(evidence):
    return [promise.text for promise in evidence.promises() if not promise.kept]


def test_evidence_is_complete_if_users_see_their_own_events_and_both_see_calls(accounts):
    evidence = judged(accounts, [CALL, AGENT], [CALL, USER])
    assert broken(evidence) == []
    assert evidence.complete
    assert not evidence.hopeless


def test_no_promise_is_kept_before_events_arrive(accounts):
    evidence = judged(accounts, [], [])
    assert len(broken(evidence)) == 4
    assert not evidence.complete
    assert not evidence.hopeless  # the events may still arrive


@pytest.mark.parametrize(
    ("wallboard_saw", "desk_saw", "text"),
    [
        ([CALL, AGENT], [USER, event("Newchannel", "call,all", Uniqueid="1.2")], "both see the same calls"),
        ([CALL], [CALL, USER], "only wallboard sees the queue's agents"),
        ([CALL, AGENT], [CALL], "only desk sees user events"),
    ],
)
def test_each_promise_can_fail_alone(accounts, wallboard_saw, desk_saw, text):
    assert broken(judged(accounts, wallboard_saw, desk_saw)) == [text]


def test_evidence_is_complete_without_agents_if_there_are_none(accounts):
    assert judged(accounts, [CALL], [CALL, USER], has_agents=False).complete


@pytest.mark.parametrize(
    "leak",
    [
        USER,
        event("VoicemailPasswordChange", "call,user,all"),  # needs both
        event("Newexten", "dialplan,all"),
        event("Odd", None),
        event("Odd", "all"),
        Received((("Event", "Forged"), ("Header", "x"), ("Privilege", "call,all"))),
        Received((("Event", "Short"),)),
    ],
    ids=str,
)
def test_one_leaked_event_breaks_the_promise_for_good(accounts, leak):
    evidence = judged(accounts, [CALL, AGENT, leak], [CALL, USER])
    assert "no user gets what it may not read" in broken(evidence)
    assert evidence.hopeless


@pytest.mark.parametrize(
    ("expected", "answer", "kept"),
    [
        ("Success", "Success", True),
        ("Success", "Permission denied", False),
        ("Permission denied", "Permission denied", True),
        ("Permission denied", "Success", False),
        ("Permission denied", "No such channel", False),
    ],
)
def test_a_response_must_be_the_expected_one(accounts, expected, answer, kept):
    evidence = judged(accounts, [CALL, AGENT], [CALL, USER])
    evidence.answered(accounts[0], "Hangup", expected, answer)
    assert evidence.complete is kept
    assert evidence.hopeless is not kept
    word = "allowed" if expected == "Success" else "denied"
    assert any(
        promise.text == f"wallboard: Hangup is {word}" and promise.found == answer
        for promise in evidence.promises()
    )
