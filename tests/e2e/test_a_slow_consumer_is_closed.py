import socket
from collections.abc import Callable

from amiproxy.tools.simulator import Simulator
from amiproxy.tools.simulator.calls.storm import read_storm_event
from tests.support.service import Service
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until


async def test_a_slow_consumer_is_closed_and_other_clients_are_not_affected(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service = make_service(simulator.port, limits={"outbox_soft": 65536, "outbox_hard": 131072})
    await service.start_up()
    await service.linked()
    address = ("127.0.0.1", service.port)
    async with (
        await service.client("boss") as neighbour,
        TlsPeer.to(address, service.context, receive_buffer=4096) as slow,
    ):
        await slow.handshake()
        await slow.send(b"Action: Login\r\nUsername: boss\r\nSecret: chief\r\n\r\n")
        await service.said("user=boss")
        await until(lambda: service.stderr.count(" login ") == 2)
        sent = 0
        # It never reads again: bytes that the kernels do not hold wait for it, up to the hard limit.
        while "slow consumer" not in service.stderr:
            assert sent < 200_000, "it is never cut"
            await simulator.storm(per_second=50_000, total=2000)
            sent += 2000
            # Answered within the time that any action has, and by Asterisk: behind the events before it.
            await neighbour.action("CoreStatus")
        numbers = [found[0] for m in neighbour.log if (found := read_storm_event(m.raw))]
        assert numbers == [number % 2000 for number in range(sent)], "every event, in order"
        cut = [line for line in service.stderr.splitlines() if "slow consumer" in line]
        assert len(cut) == 1
        assert "user=boss" in cut[0]
        assert slow.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in {0, 104}
        assert (await neighbour.action("CoreStatus")).get("Response") == "Success"
