"""Which server a login is bound to, and why some logins are refused because of their server."""

from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Action
from amiproxy.core import policy
from amiproxy.core.clients.routes.entrance import ANYWHERE, Entrance
from amiproxy.core.clients.routes.route import NOT_PERMITTED, REMOVED, UNKNOWN_SERVER
from amiproxy.core.clients.routes.routing import LoginName, Routing
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy.verdicts import VerdictCaches
from amiproxy.core.servers.servers import Configured, Servers
from tests.support.core_doubles import Bench

THREE = Configured(("pbx1", "pbx2", "pbx3"), named=True, default="pbx2")
READER = User("ann", read=privilege.CALL, servers=("pbx1",))
ANN = User("ann", read=privilege.ALL, servers=("pbx1", "pbx2"), narrowed={"pbx1": READER})
ONE = User("one", servers=("pbx3",))
NONE = User("none", servers=())
SLASH = User("a/pbx1", servers=("pbx2",))
A = User("a", servers=("pbx1",))
USERS = UserTable((ANN, ONE, NONE, SLASH, A))


def routing(configured: Configured = THREE) -> tuple[Routing, Servers]:
    servers = Bench(servers=configured).hub.servers
    return Routing(servers, VerdictCaches(policy.decide)), servers


def ask(*headers: tuple[bytes, bytes]) -> Action:
    return Action([(b"Action", b"CoreStatus"), *headers])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"ann", LoginName(b"ann", ANN)),
        (b"ANN/PBX1", LoginName(b"ANN", ANN, b"PBX1")),
        (b"ann/pbx9", LoginName(b"ann", ANN, b"pbx9")),
        (b"ann/", LoginName(b"ann", ANN, b"")),
        (b"ann/pbx1/pbx2", LoginName(b"ann/pbx1/pbx2", None)),
        (b"ghost/pbx1", LoginName(b"ghost/pbx1", None)),
        (b"ghost", LoginName(b"ghost", None)),
        (b"/pbx1", LoginName(b"/pbx1", None)),
        (b"", LoginName(b"", None)),
        (b"a/pbx1", LoginName(b"a/pbx1", SLASH)),
        (b"a/pbx1/pbx2", LoginName(b"a/pbx1", SLASH, b"pbx2")),
        (b"a/pbx2", LoginName(b"a", A, b"pbx2")),
    ],
)
def test_the_exact_user_comes_before_the_part_before_the_last_slash(text: bytes, expected: LoginName) -> None:
    found, _ = routing()
    assert found.login_name(USERS, text) == expected


def test_a_slash_means_nothing_while_servers_have_no_names() -> None:
    found, _ = routing(Configured(("asterisk",)))
    assert found.login_name(USERS, b"ann/asterisk") == LoginName(b"ann/asterisk", None)


@pytest.mark.parametrize(
    ("user", "named", "entrance", "expected"),
    [
        (ANN, None, "", None),
        (ANN, b"pbx1", "", "pbx1"),
        (ANN, b"Pbx2", "", "pbx2"),
        (ANN, None, "pbx2", "pbx2"),
        (ANN, b"pbx2", "pbx2", "pbx2"),
        (ONE, None, "", "pbx3"),
        (ONE, b"pbx3", "pbx3", "pbx3"),
    ],
)
def test_a_login_is_bound_by_listener_by_name_or_by_its_users_only_server(
    user: User, named: bytes | None, entrance: str, expected: str | None
) -> None:
    found, servers = routing()
    bound = found.chosen(user, LoginName(user.name.encode(), user, named), Entrance(entrance))
    assert bound is (servers.find(expected.encode()) if expected else None)


@pytest.mark.parametrize(
    ("user", "named", "entrance", "reason"),
    [
        (ANN, b"pbx9", "", "no such server"),
        (ANN, b"", "", "no such server"),
        (ANN, b"pbx3", "", "server not permitted"),
        (ANN, None, "pbx3", "server not permitted"),
        (ANN, None, "pbx9", "no such server"),
        (ANN, b"pbx1", "pbx2", "server not permitted"),
        (ANN, b"pbx9", "pbx2", "no such server"),
        (ONE, b"pbx1", "", "server not permitted"),
        (ONE, None, "pbx1", "server not permitted"),
        (NONE, None, "", "server not permitted"),
        (User("old", servers=("gone",)), None, "", "no such server"),
    ],
)
def test_a_login_for_a_server_that_it_may_not_use_is_refused(
    user: User, named: bytes | None, entrance: str, reason: str
) -> None:
    found, _ = routing()
    assert found.chosen(user, LoginName(user.name.encode(), user, named), Entrance(entrance)) == reason


@pytest.mark.parametrize(
    ("configured", "entrance", "expected"),
    [
        (THREE, "", "pbx2"),
        (THREE, "pbx3", "pbx3"),
        (THREE, "gone", "pbx2"),
        (THREE._replace(default=""), "", "pbx1"),
        (Configured(("asterisk",)), "", "asterisk"),
    ],
)
def test_before_login_the_banner_is_the_listeners_the_default_or_the_first_servers(
    configured: Configured, entrance: str, expected: str
) -> None:
    found, _ = routing(configured)
    route = found.before_login(Entrance(entrance))
    assert route.home.name == expected
    assert (route.rights.read, route.rights.write) == (0, 0)


def test_a_bound_session_has_its_users_rights_at_its_server() -> None:
    found, servers = routing()
    route = found.route(ANN, servers.find(b"pbx1"))
    assert route.bound is servers.find(b"pbx1")
    assert route.servers == (route.bound,)
    assert route.rights is READER
    assert route.bound_name == "pbx1"
    assert found.route(ANN, servers.find(b"pbx2")).rights is ANN


@pytest.mark.parametrize("value", [b"pbx1", b"PBX1", b""])
def test_a_header_with_its_own_server_goes_there(value: bytes) -> None:
    found, servers = routing()
    route = found.route(ANN, servers.find(b"pbx1"))
    assert route.of(ask((b"Server", value))) is route.of(ask()) is route.places[0]
    assert route.places[0].named


@pytest.mark.parametrize("value", [b"pbx2", b"pbx3", b"pbx9", b"*", b"pbx1 "])
def test_every_other_server_gets_one_refusal_whether_it_exists_or_not(value: bytes) -> None:
    found, servers = routing()
    route = found.route(ANN, servers.find(b"pbx1"))
    assert route.of(ask((b"Server", value))) is UNKNOWN_SERVER


def test_the_header_means_nothing_while_servers_have_no_names() -> None:
    found, servers = routing(Configured(("asterisk",)))
    route = found.route(User("u"), servers.first)
    assert route.of(ask((b"Server", b"elsewhere"))) is route.places[0]
    assert not route.places[0].named
    assert route.bound_name is None


class TestAgain:
    """A reload keeps a session at its server, with new rights, or closes it."""

    def test_it_gets_its_users_new_rights(self) -> None:
        found, servers = routing()
        route = found.route(ANN, servers.find(b"pbx1"))
        wider = User("ann", read=privilege.ALL, servers=("pbx2", "pbx1"))
        again = found.again(route, wider, THREE)
        assert not isinstance(again, str)
        assert (again.bound, again.rights) == (route.bound, wider)

    def test_it_is_closed_when_its_server_is_removed(self) -> None:
        found, servers = routing()
        route = found.route(ANN, servers.find(b"pbx1"))
        assert found.again(route, ANN, Configured(("pbx2", "pbx3"), named=True)) == REMOVED

    def test_it_is_closed_when_its_user_may_no_longer_use_its_server(self) -> None:
        found, servers = routing()
        route = found.route(ANN, servers.find(b"pbx1"))
        assert found.again(route, User("ann", servers=("pbx2",)), THREE) == NOT_PERMITTED

    def test_one_of_several_servers_is_closed_when_servers_have_no_names(self) -> None:
        found, _ = routing()
        session, _ = Bench(replace(ANN, secret="plain:x"), servers=THREE).login("ann")
        route = session.route
        assert route.bound is None
        assert found.again(route, User("ann"), Configured(("asterisk",))) == REMOVED

    def test_names_apply_from_then_on(self) -> None:
        found, servers = routing(Configured(("asterisk",)))
        route = found.route(User("u"), servers.first)
        again = found.again(route, User("u"), Configured(("asterisk",), named=True))
        assert not isinstance(again, str)
        assert again.bound_name == "asterisk"


def test_clients_of_other_listeners_are_bound_to_none() -> None:
    assert ANYWHERE.server == ""
