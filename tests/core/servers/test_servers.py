import pytest

from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Configured, Servers
from tests.support.core_doubles import Bench


def _server(name: str) -> Server:
    hub = Bench().hub
    return Server(name, hub.subscriptions.add(name), hub, hub.limit_state, hub.stats, hub.scheduler)


class TestServers:
    def test_they_are_in_the_order_of_the_configuration(self):
        pbx2, pbx1 = _server("pbx2"), _server("pbx1")
        servers = Servers(pbx2, pbx1, named=True)
        assert list(servers) == [pbx2, pbx1]
        assert servers.first is pbx2
        assert len(servers) == 2

    def test_a_name_is_found_in_any_case(self):
        pbx1 = _server("pbx1")
        servers = Servers(pbx1, _server("pbx2"), named=True)
        assert servers.find(b"PBX1") is pbx1
        assert servers.find(b"pbx3") is None

    def test_there_is_a_default_only_if_one_is_named(self):
        pbx1, pbx2 = _server("pbx1"), _server("pbx2")
        assert Servers(pbx1, pbx2, default="pbx2").default is pbx2
        assert Servers(pbx1, pbx2).default is None

    def test_there_is_at_least_one(self):
        with pytest.raises(ValueError, match="no server"):
            Servers()

    def test_the_default_must_be_one_of_them(self):
        with pytest.raises(KeyError):
            Servers(_server("pbx1"), default="pbx2")

    def test_a_reload_adds_removes_and_reorders_them(self):
        pbx1, pbx2, pbx3 = _server("pbx1"), _server("pbx2"), _server("pbx3")
        servers = Servers(pbx1, pbx2, named=True, default="pbx1")
        servers.add(pbx3)
        assert list(servers) == [pbx1, pbx2, pbx3]
        configured = Configured(("pbx3", "pbx2"), named=True, default="pbx3")
        assert servers.settle(configured) == [pbx1]
        assert list(servers) == [pbx3, pbx2]
        assert servers.default is pbx3
        assert servers.configured == configured

    def test_a_reload_may_give_the_only_one_no_name(self):
        servers = Servers(_server("pbx1"), named=True, default="pbx1")
        servers.add(_server("asterisk"))
        servers.settle(Configured(("asterisk",)))
        assert (servers.named, servers.default) == (False, None)
        assert servers.configured == Configured(("asterisk",))
