import signal

from amiproxy.tools.simulator import Simulator
from tests.support.proxy_process import hashed
from tests.support.service import PASSWORDS, USERS, Service


async def test_sighup_swaps_the_users(simulator: Simulator, service: Service) -> None:
    async with (
        await service.client("boss") as boss,
        await service.client("caller") as caller,
        await service.client("blind") as blind,
        await service.connect() as newcomer,
    ):
        assert (await caller.action("CoreShowChannels")).get("Message") == "Permission denied"
        service.write_users(
            {
                "boss": USERS["boss"],
                "caller": {**USERS["caller"], "read": ["user"], "write": ["system", "reporting"]},
                "new": {"secret": hashed("fresh"), "read": "all", "write": "all"},
            }
        )
        service.signal(signal.SIGHUP)
        await service.said(" reloaded ")
        assert await blind.ended() == "end of stream", "a removed user's session ends"

        assert (await newcomer.login("new", "fresh")).get("Message") == "Authentication accepted"
        # Changed rights apply to existing sessions, for actions and for events.
        assert (await caller.action("CoreShowChannels")).get("Response") == "Success"
        simulator.broadcast(b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: x\r\n\r\n")
        simulator.broadcast(b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: x\r\n\r\n")
        await caller.wait_event("UserEvent")
        assert not [m for m in caller.log if m.event == "Newchannel"]
        await boss.wait_event("Newchannel")
        assert (await boss.action("Ping")).get("Response") == "Success"
    assert service.links_made == 1, "the link was kept"


async def test_a_changed_secret_ends_the_sessions_that_used_the_old_one(service: Service) -> None:
    async with await service.client("boss") as boss, await service.client("caller") as caller:
        service.write_users({**USERS, "boss": {**USERS["boss"], "secret": hashed("other")}})
        service.signal(signal.SIGHUP)
        assert await boss.ended() == "end of stream"
        async with await service.connect() as again:
            assert (await again.login("boss", "other")).get("Response") == "Success"
        async with await service.connect() as stale:
            assert (await stale.login("boss", PASSWORDS["boss"])).get("Message") == "Authentication failed"
        assert (await caller.action("Ping")).get("Response") == "Success"
