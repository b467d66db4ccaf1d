import asyncio
from collections.abc import AsyncIterator

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.session import Session
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from tests.support.house import House
from tests.support.tls_door import Contexts, contexts
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True
ANNA = User("anna", read=privilege.ALL, secret="plain:s")


@pytest.fixture(scope="module")
def both() -> Contexts:
    return contexts()


@pytest.fixture
async def house(both: Contexts) -> AsyncIterator[House]:
    built = House(both.server, Limits(), ANNA)
    yield built
    built.close()


async def test_a_session_writes_directly_to_openssl(house: House, both: Contexts) -> None:
    async with TlsPeer.to(house.listen(), both.client) as peer:
        await peer.handshake()
        await peer.record()
        (session,) = house.hub.sessions
        assert type(session.outbox.write).__name__ == "builtin_function_or_method"
        assert session.outbox.write.__self__.version() == "TLSv1.3"  # type: ignore[attr-defined]


async def test_a_session_writes_nothing_after_its_socket_was_closed(
    house: House, both: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with TlsPeer.to(house.listen(), both.client) as peer:
        await peer.handshake()
        await peer.record()
        (session,) = house.hub.sessions

        def broken(*_: object) -> None:
            raise RuntimeError

        errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        monkeypatch.setattr(Session, "receive", broken)
        monkeypatch.setattr(Session, "lost", broken)  # so the session does not learn of its end
        assert session.outbox.ready
        await peer.send(b"Action: Ping\r\n\r\n")
        await until(lambda: house.pool.open == 0)
        assert not session.outbox.ready
        assert errors
        monkeypatch.undo()
