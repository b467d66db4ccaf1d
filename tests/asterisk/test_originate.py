"""Originate, with and without Async: the same answer for the same outcome of the call."""

import pytest

from tests.asterisk.door import Door
from tests.support.ami_client import AmiClient

QUEUED = "Originate successfully queued"
FAILED = "Originate failed"

FATES = [
    # extension, Timeout in ms, sync answer, Response and Reason of the async event
    ("answer", "30000", QUEUED, "Success", "4"),
    ("busy", "30000", FAILED, "Failure", "5"),
    ("congestion", "30000", FAILED, "Failure", "8"),
    ("noanswer", "1200", FAILED, "Failure", "3"),
    ("nowhere", "30000", FAILED, "Failure", None),
]


async def ended(client: AmiClient, extension: str) -> None:
    await client.wait_event("Hangup", lambda event: f"{extension}@" in (event.get("Channel") or ""))


@pytest.mark.parametrize(("extension", "limit", "message"), [fate[:3] for fate in FATES])
async def test_a_sync_originate_is_answered_when_the_outcome_is_known(
    door: Door, extension: str, limit: str, message: str
) -> None:
    async with await door.login() as client, await door.login() as watcher:
        # It comes within the client's own ten seconds.
        answer = await client.action(
            "Originate",
            Channel=f"Local/{extension}@lab",
            Application="Wait",
            Data="1",
            Timeout=limit,
            ActionID="sync/1",
        )
        kind = "Success" if message == QUEUED else "Error"
        assert answer.headers == [("Response", kind), ("ActionID", "sync/1"), ("Message", message)]
        for session in (client, watcher):
            await session.action("Ping")
            assert not [event for event in session.log if event.event == "OriginateResponse"]


@pytest.mark.parametrize(("extension", "limit", "response", "reason"), [(*f[:2], *f[3:]) for f in FATES])
async def test_an_async_originate_is_answered_at_once_and_its_event_has_the_askers_id(
    door: Door, extension: str, limit: str, response: str, reason: str | None
) -> None:
    async with await door.login() as asker, await door.login("limited") as other:
        answer = await asker.action(
            "Originate",
            ("Variable", "ONE=1"),
            ("Variable", "TWO=2"),
            Channel=f"Local/{extension}@lab",
            Application="Wait",
            Data="1",
            Timeout=limit,
            Async="true",
            ActionID="async:1",
        )
        assert answer.headers == [("Response", "Success"), ("ActionID", "async:1"), ("Message", QUEUED)]
        for session in (asker, other):
            event = await session.wait_event("OriginateResponse", ActionID="async:1")
            assert event.all("Response") == [response]
            assert reason in {None, event.get("Reason")}
        if response == "Success":
            await ended(asker, extension)


async def test_a_blocked_sync_originate_delays_no_other_session(door: Door) -> None:
    async with await door.login() as blocked, await door.login() as other:
        first = blocked.send(
            "Originate", Channel="Local/noanswer@lab", Application="Wait", Data="1", Timeout="3000"
        )
        second = blocked.send("Ping")
        await other.action("CoreStatus")
        assert not {first, second} & {message.get("ActionID") for message in blocked.log}
        assert (await blocked.response(first)).get("Message") == FAILED
        await blocked.response(second)
        assert [m.get("ActionID") for m in blocked.log if m.is_response][-2:] == [first, second]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Channel not specified"),
        ({"Channel": "Local"}, "Invalid channel"),
        ({"Channel": "Local/answer@lab", "Timeout": "soon"}, "Invalid timeout"),
        (
            {"Channel": "Local/answer@lab", "Exten": "1", "Context": "lab", "Priority": "x"},
            "Invalid priority",
        ),
        (
            {"Channel": "Local/answer@lab", "Exten": "nowhere", "Context": "lab", "Priority": "1"},
            "Extension does not exist.",
        ),
        (
            {"Channel": "Local/answer@lab", "Exten": "100", "Context": "lab"},
            "Originate with 'Exten' requires 'Context' and 'Priority'",
        ),
    ],
)
async def test_a_refusal_by_asterisk_has_asterisks_text(
    door: Door, headers: dict[str, str], message: str
) -> None:
    async with await door.login() as client:
        answer = await client.action("Originate", ActionID="no", **headers)
        assert answer.headers == [("Response", "Error"), ("ActionID", "no"), ("Message", message)]


async def test_a_user_of_class_originate_places_calls_but_runs_no_programs(door: Door) -> None:
    async with await door.login("lab-originate") as client:
        placed = await client.action(
            "Originate", Channel="Local/answer@lab", Application="Wait", Data="1", Timeout="5000"
        )
        assert placed.get("Message") == QUEUED
        refused = await client.action(
            "Originate", Channel="Local/answer@lab", Application="System", Data="true", Timeout="5000"
        )
        # Asterisk 16 and 22 word it differently.
        assert (refused.get("Message") or "").startswith("Originate Access Forbidden: ")
