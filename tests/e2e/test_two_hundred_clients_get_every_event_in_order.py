import asyncio

from amiproxy.tools.simulator import Simulator
from amiproxy.tools.simulator.calls.storm import read_storm_event
from tests.support.ami_client import AmiClient
from tests.support.service import Service

CLIENTS = 200
EVENTS = 400


class Counter(AmiClient):
    """Keeps numbers, not messages."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if b"Variable: STORM" in data or self.inbox:
            kept = []
            for message in self.inbox:
                found = read_storm_event(message.raw)
                self.numbers.append(found[0]) if found else kept.append(message)
            self.inbox[:] = kept
            self.log.clear()


async def test_two_hundred_clients_get_every_event_in_order(simulator: Simulator, service: Service) -> None:
    clients: list[Counter] = []
    try:
        for _ in range(CLIENTS):
            client = await Counter.connect("127.0.0.1", service.port, service.context, service.host)
            clients.append(client)
            assert (await client.login("boss", "chief")).get("Response") == "Success"
        await simulator.storm(per_second=400, total=EVENTS)
        for number, client in enumerate(clients):
            await client._until(
                lambda client=client: len(client.numbers) >= EVENTS, f"all of client {number}", 30
            )
            assert client.numbers == list(range(EVENTS))
    finally:
        await asyncio.gather(*(client.close() for client in clients))
