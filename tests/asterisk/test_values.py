"""Asterisk's words and integers mean the same at both doors, in every header that takes them."""

import asyncio
import time

import pytest

from tests.asterisk.door import Door
from tests.support.ami_client import AmiClient

_YES = ["on", "On", "ON", "Yes", "yEs", "TRUE", "t", "Y"]
_NO = ["off", "Off", "NO", "no", "False", "F", "n"]
#: Words that are neither: in an event mask, names of classes that do not exist.
_NEITHER = ["yess", "enabled", " "]


async def _login(door: Door, events: str) -> AmiClient:
    client = await door.connect()
    lines = ["Action: Login", "ActionID: in", "Username: proxy", "Secret: proxysecret", f"Events: {events}"]
    client.send_raw("\r\n".join([*lines, "", ""]).encode())
    answer = await client.response("in")
    assert answer.get("Message") == "Authentication accepted"
    return client


async def _gets_events(door: Door, client: AmiClient, likely: bool) -> bool:
    """Whether it gets an event; the likely result is waited for as long as a busy machine may need."""
    async with await door.login(Events="off") as other:
        await other.action("UserEvent", UserEvent="LabWord")
    # The event was sent when its action is answered; a proxy may deliver it a little later.
    for _ in range(500 if likely else 20):
        await client.action("Ping")
        if any(message.event == "UserEvent" for message in client.log):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize("word", [*_YES, *_NO, *_NEITHER])
async def test_words_in_events_of_login_mean_the_same(door: Door, word: str) -> None:
    async with await _login(door, word) as client:
        # An empty value is not a mask at all: the user's own classes apply.
        wanted = word in _YES or not word.strip()
        assert await _gets_events(door, client, wanted) is wanted
        assert any(message.event == "FullyBooted" for message in client.log) is wanted


@pytest.mark.parametrize("word", [*_YES, *_NO, "yess"])
async def test_words_in_an_event_mask_mean_the_same(door: Door, word: str) -> None:
    async with await door.login() as client:
        answer = await client.action("Events", EventMask=word)
        assert answer.get("Events") == ("On" if word in _YES else "Off")
        assert await _gets_events(door, client, word in _YES) is (word in _YES)


@pytest.mark.parametrize("word", ["On", "YES", "tRue", "Off", "No", "maybe"])
async def test_words_in_async_of_originate_mean_the_same(door: Door, word: str) -> None:
    async with await door.login() as client:
        begun = time.monotonic()
        answer = await client.action(
            "Originate", Channel="Local/noanswer@lab", Application="Wait", Data="1", Timeout="700", Async=word
        )
        waited = time.monotonic() - begun
        if word in {"On", "YES", "tRue"}:
            assert answer.get("Message") == "Originate successfully queued"
            fate = await client.wait_event("OriginateResponse", Response="Failure")
            assert client.log.index(answer) < client.log.index(fate)
        else:
            assert answer.get("Message") == "Originate failed"
            assert waited > 0.6


@pytest.mark.parametrize("number", ["1000", "+1000", " 1000", "1000ms", "4294968296", "01000"])
async def test_integers_in_timeout_of_originate_mean_the_same(door: Door, number: str) -> None:
    async with await door.login(Events="off") as client:
        begun = time.monotonic()
        answer = await client.action(
            "Originate", Channel="Local/noanswer@lab", Application="Wait", Data="1", Timeout=number
        )
        assert answer.get("Message") == "Originate failed"
        assert time.monotonic() - begun > 0.9


@pytest.mark.parametrize("number", ["x", "0x3e8", "-"])
async def test_an_invalid_timeout_of_originate_is_refused(door: Door, number: str) -> None:
    async with await door.login(Events="off") as client:
        answer = await client.action(
            "Originate", Channel="Local/none@nowhere", Application="Wait", Data="1", Timeout=number
        )
        assert answer.get("Message") == ("Originate failed" if number == "0x3e8" else "Invalid timeout")


@pytest.mark.parametrize("number", ["1", "0x1", "01", "+1", "1s", "4294967297", "0X00000001"])
async def test_integers_in_timeout_of_waitevent_mean_the_same(door: Door, number: str) -> None:
    async with await door.login(Events="off") as client:
        waited = 0.0
        # Asterisk ends it early for any event, of an earlier test's call too.
        for _ in range(20):
            begun = time.monotonic()
            await client.action("WaitEvent", Timeout=number)
            waited = time.monotonic() - begun
            if waited > 0.8:
                break
        assert waited > 0.8


@pytest.mark.parametrize("number", ["0", "00", "0x0", "08", "4294967296", "-0"])
async def test_these_timeouts_of_waitevent_do_not_wait(door: Door, number: str) -> None:
    async with await door.login(Events="off") as client:
        waited = 1.0
        # A busy machine delays one of them, but not all.
        for _ in range(20):
            begun = time.monotonic()
            await client.action("WaitEvent", Timeout=number)
            waited = min(waited, time.monotonic() - begun)
            if waited < 0.7:
                break
        assert waited < 0.7
