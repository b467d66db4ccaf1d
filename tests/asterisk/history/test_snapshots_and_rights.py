"""A snapshot shows no user an item or a field that its events have not told it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from tests.asterisk.conftest import running
from tests.asterisk.door import LIMITS
from tests.asterisk.history.attempts import attempts
from tests.asterisk.history.flows import Flows, settled
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess, hashed

SECRET = "a board's secret"
#: What users may see, by their names.
RIGHTS: dict[str, dict[str, Any]] = {
    "everything": {"read": "all"},
    "call": {"read": ["call"]},
    "dialplan": {"read": ["dialplan"]},
    "agent": {"read": ["agent"]},
    "system": {"read": ["system", "reporting"]},
    "nothing": {"read": []},
    "no-local": {"read": "all", "eventfilter": ["!Channel: Local/"]},
    "one-context": {"read": "all", "scope": {"contexts": ["history-*"]}},
    "no-call": {"read": "all", "scope": {"channels": ["PJSIP/nobody"], "more_events": True}},
}
STEPS = 40
#: Headers of events, and the fields of items that they tell under another name.
ALSO = {"AppData": "ApplicationData", "BridgeUniqueid": "BridgeId"}
#: Fields that are computed, or that only the frame of the item needs.
OWN = {"Event", "ActionID", "Duration"}


@contextmanager
def proxy_before(pbx: Asterisk, directory: Path) -> Iterator[ProxyProcess]:
    directory.mkdir()
    users = {
        name: {**rights, "secret": hashed(SECRET), "write": [], "history": True}
        for name, rights in RIGHTS.items()
    }
    upstream = (pbx.host, pbx.port, pbx.user, pbx.secret)
    with running(ProxyProcess(directory, upstream, users, limits=LIMITS), pbx.secret) as proxy:
        yield proxy


@asynccontextmanager
async def acting_at(pbx: Asterisk) -> AsyncIterator[AmiClient]:
    async with await AmiClient.connect(pbx.host, pbx.port) as client:
        await client.login(pbx.user, pbx.secret, Events="off")
        yield client


class Board:
    """A client, and what its events have told it: the fields of each channel, by Uniqueid."""

    def __init__(self, client: AmiClient) -> None:
        self.client = client
        self.told: dict[str, set[str]] = {}

    def read(self) -> None:
        for message in self.client.log:
            key = message.get("Uniqueid")
            if key and message.event not in {"CoreShowChannel", None}:
                names = {name for name, value in message.headers if value}
                self.told.setdefault(key, set()).update(names, {ALSO[name] for name in names & set(ALSO)})
        self.client.log.clear()
        self.client.inbox.clear()

    async def snapshot(self) -> list[Message]:
        _, items, complete = await self.client.event_list("ProxySnapshot", Kinds="channels")
        assert complete.get("ListItems") == str(len(items))
        return items


async def test_no_user_sees_more_than_its_events_have_told(pbx: Asterisk, tmp_path: Path) -> None:
    async def attempt(seed: int) -> None:
        with proxy_before(pbx, tmp_path / str(seed)) as proxy:
            async with acting_at(pbx) as acting:
                await look_around(proxy, acting, Flows(acting, seed, spares=pbx.version))

    await attempts(pbx, 3, attempt)


async def look_around(proxy: ProxyProcess, acting: AmiClient, flows: Flows) -> None:
    boards: dict[str, Board] = {}
    for name in RIGHTS:
        client = await proxy.connect()
        assert (await client.login(name, SECRET)).get("Response") == "Success"
        boards[name] = Board(client)
    for _ in range(STEPS):
        await flows.step()
    seen: dict[str, set[str]] = {}

    async def differences() -> list[str]:
        """How the snapshot of the user who sees everything differs from Asterisk's own list."""
        _, native, _ = await acting.event_list("CoreShowChannels")
        shown = await boards["everything"].snapshot()
        return sorted(
            {str(one.get("Channel")) for one in native} ^ {str(one.get("Channel")) for one in shown}
        )

    assert not (found := await settled(differences)), found
    for name, board in boards.items():
        items = await board.snapshot()
        board.read()
        seen[name] = {str(item.get("Channel")) for item in items}
        for item in items:
            shown = {header for header, value in item.headers if value} - OWN
            assert shown <= board.told[str(item.get("Uniqueid"))], name
    # Calls go on meanwhile, so no two users need to see the same.
    assert seen["everything"]
    assert seen["call"]
    assert not any(seen[name] for name in ("agent", "system", "nothing", "no-call"))
    assert not any(channel.startswith("Local/") for channel in seen["no-local"])
    await flows.end_all()
    for board in boards.values():
        await board.client.close()
