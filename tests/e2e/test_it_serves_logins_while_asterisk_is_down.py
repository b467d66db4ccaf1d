from collections.abc import Callable

from amiproxy.tools.simulator import Simulator, User
from tests.support.service import SECRET, Service


async def test_it_serves_logins_while_asterisk_is_down(
    nowhere: int, make_service: Callable[..., Service]
) -> None:
    service = make_service(nowhere)
    await service.start_up()
    await service.said("upstream-down")
    async with await service.client("boss") as boss:
        assert boss.banner.startswith(b"Asterisk Call Manager/")
        for action in ("CoreStatus", "Ping", "CoreShowChannels"):
            refused = await boss.action(action, ActionID=f"id of {action}")
            assert refused.headers == [
                ("Response", "Error"),
                ("ActionID", f"id of {action}"),
                ("Message", "Upstream not connected"),
            ]
        assert (await boss.action("Events", EventMask="call")).get("Events") == "On"
        assert (await boss.action("Events", EventMask="on")).get("Events") == "On"

        simulator = Simulator([User("proxy", SECRET)])
        await simulator.start(port=nowhere)
        try:
            up = await boss.wait_event("ProxyUpstream")
            assert up.get("Status") == "Up"
            await boss.wait_event("FullyBooted")
            assert (await boss.action("CoreStatus")).get("Response") == "Success"
            assert simulator.received.count(b"") == 0
        finally:
            await simulator.stop()
