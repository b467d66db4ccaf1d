import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import CLIENT_LIMIT, FilterSet, compile_legacy
from amiproxy.core.clients.principal import Principal
from amiproxy.core.fanout.eventview import Sight, bound_view
from amiproxy.core.limits.shares import Shares
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User
from amiproxy.core.ports import Peer
from tests.support.core_doubles import HandClock

PEER = Peer("192.0.2.1", 40000)


@pytest.fixture
def principal() -> Principal:
    return Principal("id", Shares(HandClock()).unknown, 1.0, 2.0)


def test_before_login_a_principal_sees_nothing_and_no_user_pays(principal):
    assert (principal.events, principal.payer) == (0, "")
    assert principal.who(PEER) == ("id", None, b"", PEER, 1.0, 2.0)


def test_the_audit_log_names_the_user_and_its_spelling(principal):
    principal.login_name = b"BOSS"
    principal.user = User("boss")
    assert principal.who(PEER) == ("id", "boss", b"BOSS", PEER, 1.0, 2.0)
    assert principal.payer == "boss"


def test_the_event_mask_only_narrows_the_classes(principal):
    principal.user = User("boss", read=privilege.CALL | privilege.SYSTEM)
    principal.mask = privilege.CALL | privilege.AGENT
    assert principal.events == privilege.CALL
    assert principal.view_at("pbx1") == bound_view(None, Sight("pbx1", privilege.CALL, None))


def test_a_view_has_the_filters_of_user_and_client_and_the_scope(principal):
    own, added = compile_legacy(b"Hold"), compile_legacy(b"Dial", CLIENT_LIMIT)
    scope = Scope(channels=("PJSIP/1",))
    principal.user = User("boss", filters=FilterSet((own,)), rules=Rules(scope=scope))
    principal.filters = (added,)
    view = principal.view_at("pbx1")
    assert (view.filters, view.own.scope) == (FilterSet((own,)).with_added(added), scope)
