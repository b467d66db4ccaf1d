"""The security events of the proxy's own logins look as Asterisk's do."""

import asyncio

from tests.asterisk.door import Door
from tests.support.ami_client import Message


async def login_events(door: Door) -> tuple[Message, Message]:
    """A success and a failure, as a reader of class security sees them."""
    async with await door.login() as reader:
        async with await door.login("lab-reader"):
            success = await reader.wait_event("SuccessfulAuth", AccountID="lab-reader")
        async with await door.connect() as guesser:
            guesser.send("Login", Username="lab-reader", Secret="wrong")
            failure = await reader.wait_event("InvalidPassword", AccountID="lab-reader")
    return success, failure


async def test_they_have_the_same_headers_in_the_same_order(direct: Door, proxied: Door) -> None:
    await asyncio.sleep(2.2)  # logins of other tests have used up the ration
    theirs, ours = await login_events(direct), await login_events(proxied)
    for one, other in zip(theirs, ours, strict=True):
        assert one.get("SystemName") == other.get("SystemName") == "lab"
        assert [name for name, _ in one.headers] == [name for name, _ in other.headers]
        for name in ("Event", "Privilege", "Severity", "Service", "EventVersion", "AccountID"):
            assert one.get(name) == other.get(name)


async def test_an_event_written_to_one_session_only_has_no_system_name(door: Door) -> None:
    async with await door.connect() as client:
        await client.login(door.asterisk.user, door.asterisk.secret)
        assert (await client.wait_event("FullyBooted")).get("SystemName") is None
