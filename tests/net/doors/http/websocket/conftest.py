"""A WebSocket door and its users."""

from collections.abc import AsyncIterator

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.x509.identity import CertificateLogin, parse_binding
from tests.support.socket_house import SocketHouse
from tests.support.tls_door import Contexts

DOORS = frozenset({"ami", "ws"})
BINDING, OTHER = parse_binding("dns:robot.example"), parse_binding("dns:absent.example")
TWO = Configured(("pbx1", "pbx2"), named=True)
USERS = (
    User("wall", read=privilege.ALL, write=privilege.ALL, secret="plain:x", doors=DOORS),
    User("calls", read=privilege.CALL, write=privilege.NONE, secret="plain:x", doors=DOORS),
    User("plain", read=privilege.ALL, write=privilege.ALL, secret="plain:x"),
    User("robot", read=privilege.ALL, doors=DOORS, login=CertificateLogin((BINDING,), "certificate")),
    User("absent", doors=frozenset({"ami"}), login=CertificateLogin((OTHER,), "certificate")),
    User("once", read=privilege.ALL, secret="plain:x", doors=DOORS, allowmultiplelogin=False),
)


@pytest.fixture
async def house(both: Contexts, request: pytest.FixtureRequest) -> AsyncIterator[SocketHouse]:
    """Its parameters are those of ``with_``."""
    limits, settings = getattr(request, "param", (Limits(), {}))
    built = SocketHouse(both, limits, *USERS, **settings)
    built.listen()
    built.all_up()
    yield built
    built.close()
    assert built.pool.open == 0
    assert built.pool.backlog.size == 0


@pytest.fixture
async def several(both: Contexts) -> AsyncIterator[SocketHouse]:
    """The same with two servers, of which user ``both`` sees both."""
    user = User("both", privilege.ALL, privilege.ALL, secret="plain:x", doors=DOORS, servers=TWO.names)
    built = SocketHouse(both, Limits(), user, servers=TWO)
    built.listen()
    built.all_up()
    yield built
    built.close()
