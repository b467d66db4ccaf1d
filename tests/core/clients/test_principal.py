from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import CLIENT_LIMIT, FilterSet, compile_legacy
from amiproxy.core import policy
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.clients.principal import Principal
from amiproxy.core.clients.routes.bound import BoundRoute
from amiproxy.core.clients.routes.route import Place
from amiproxy.core.fanout.eventview import Sight, bound_view
from amiproxy.core.limits.shares import Shares
from amiproxy.core.model.generation import generation_of
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User
from amiproxy.core.ports import OnBehalf, Peer
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench, HandClock

PEER = Peer("192.0.2.1", 40000)


NOBODY = User("")


def bound(user: User, *, named: bool = False) -> BoundRoute:
    server = Bench().hub.servers.first
    return BoundRoute(Place(server, user.at(server.name), policy.decide, named=named))


def logged_in(principal: Principal, user: User) -> None:
    principal.user = user
    principal.follow(bound(user))


@pytest.fixture
def principal() -> Principal:
    return Principal("id", Shares(HandClock()).unknown, bound(NOBODY), 1.0, 2.0)


def test_before_login_a_principal_sees_nothing_and_no_user_pays(principal):
    assert (principal.events, principal.payer) == (0, "")
    assert principal.who(PEER) == SessionFacts("id", None, b"", PEER, 1.0, 2.0)


def test_the_audit_log_names_the_user_and_its_spelling(principal):
    principal.login_name = b"BOSS"
    logged_in(principal, User("boss"))
    said = principal.who(PEER)
    assert said == SessionFacts("id", "boss", b"BOSS", PEER, 1.0, 2.0, sees=("asterisk",))
    assert principal.payer == "boss"


def test_what_is_sent_for_a_client_names_its_rights_at_the_server(principal):
    assert principal.on_behalf("asterisk", PEER) is None
    user, less = User("boss", read=6, servers=("pbx1", "pbx2")), User("boss", read=2)
    principal.user = replace(user, narrowed={"pbx2": less})
    for server, rights in (("pbx1", user), ("pbx2", less)):
        said = principal.on_behalf(server, PEER)
        assert said == OnBehalf("boss", generation_of(rights), "id", "192.0.2.1")


@pytest.mark.parametrize("names", [("pbx1",), ("pbx1", "pbx2")])
def test_an_action_is_sent_on_behalf_of_its_client(names):
    bench = Bench(User("boss", md5_secret=b"x", servers=names), servers=Configured(names, named=True))
    session, _ = bench.login("boss")
    askers = [place.leg or session for place in session.route.places]
    assert len(askers) == len(names)
    for asker, server in zip(askers, names, strict=True):
        assert asker.on_behalf == session.principal.on_behalf(server, session.transport.peer)
        assert asker.on_behalf is not None


def test_the_event_mask_only_narrows_the_classes(principal):
    logged_in(principal, User("boss", read=privilege.CALL | privilege.SYSTEM))
    principal.mask = privilege.CALL | privilege.AGENT
    assert principal.events == privilege.CALL
    assert principal.view == bound_view(None, Sight("asterisk", privilege.CALL, None))


def test_a_view_has_the_filters_of_user_and_client_and_the_scope(principal):
    own, added = compile_legacy(b"Hold"), compile_legacy(b"Dial", CLIENT_LIMIT)
    scope = Scope(channels=("PJSIP/1",))
    logged_in(principal, User("boss", filters=FilterSet((own,)), rules=Rules(scope=scope)))
    principal.filters = (added,)
    assert principal.view == bound_view(FilterSet((own,)).with_added(added), Sight("asterisk", 0, scope))


def test_rights_are_those_at_its_server(principal):
    here = User("boss", read=privilege.CALL, rules=Rules(scope=Scope(channels=("PJSIP/1",))))
    logged_in(principal, User("boss", read=privilege.ALL, narrowed={"asterisk": here}))
    assert principal.events == privilege.CALL
    assert principal.view == bound_view(None, Sight("asterisk", privilege.CALL, Scope(channels=("PJSIP/1",))))


def test_the_audit_log_names_the_server_only_if_clients_do(principal):
    principal.follow(bound(NOBODY, named=True))
    assert principal.who(PEER).server is None, "it is not known before the login"
    principal.user = User("boss")
    assert principal.who(PEER).server == "asterisk"
