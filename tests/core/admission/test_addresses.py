"""Limits by address, never by name: which addresses may connect, and which have guessed too often."""

import pytest

from amiproxy.core.admission import addresses, penalties
from amiproxy.core.admission.addresses import Admission, network_of
from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.networks import Network

HOST = "192.0.2.1"


def make(**limits) -> Admission:
    return Admission(Limits(**limits), NetworkSet([Network("127.0.0.0/8"), Network("2001:db8:e::/48")]))


def fail(gate: Admission, times: int, now: float = 0.0, address: str = HOST) -> list[float]:
    return [gate.failed(address, now) for _ in range(times)]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1", "fe80::/64"),
        ("/run/socket", "/run/socket"),
    ],
)
def test_addresses_are_grouped_into_networks(address, name):
    assert network_of(address) == name


class TestConnections:
    def test_connections_per_address_refuses_one_more(self):
        gate = make(connections_per_address=2)
        for who in "ab":
            assert gate.refusal(HOST, 0) == ""
            gate.entered(who, HOST)
            gate.authenticated(who)
        assert gate.refusal(HOST, 0) == "connections_per_address"
        assert gate.refusal("192.0.2.2", 0) == ""
        gate.left("a")
        assert gate.refusal(HOST, 0) == ""

    def test_unauthenticated_per_address_refuses_one_more(self):
        gate = make(unauthenticated_per_address=2)
        for who in "ab":
            gate.entered(who, HOST)
        assert gate.refusal(HOST, 0) == "unauthenticated_per_address"
        gate.authenticated("a")
        gate.authenticated("a")
        assert gate.refusal(HOST, 0) == ""
        gate.entered("c", HOST)
        assert gate.refusal(HOST, 0) == "unauthenticated_per_address"
        gate.left("b")
        assert gate.refusal(HOST, 0) == ""

    def test_connection_rate_refuses_connections_that_come_too_fast(self):
        gate = make(connection_rate=2.0, connection_burst=3)
        assert [gate.refusal(HOST, 0) for _ in range(4)] == ["", "", "", "connection_rate"]
        assert [gate.refusal(HOST, 0.5) for _ in range(2)] == ["", "connection_rate"]

    def test_one_ipv6_64_counts_as_one_address(self):
        gate = make(connections_per_address=1)
        gate.entered("a", "2001:db8:1:2::1")
        assert gate.refusal("2001:db8:1:2:ffff::9", 0) == "connections_per_address"
        assert gate.refusal("2001:db8:1:3::1", 0) == ""

    @pytest.mark.parametrize("address", ["127.0.0.1", "2001:db8:e:7::1"])
    def test_exempt_addresses_have_no_limits(self, address):
        gate = make(
            connections_per_address=1,
            unauthenticated_per_address=1,
            connection_rate=1.0,
            connection_burst=1,
            login_failure_burst=1,
        )
        for who in range(5):
            assert gate.refusal(address, 0) == ""
            gate.entered(who, address)
        assert fail(gate, 50, address=address) == [0.0] * 50
        assert not gate.is_penalised(address, 0)
        gate.authenticated(0)
        gate.left(0)
        assert len(gate) == 0

    def test_changed_limits_apply_at_once(self):
        gate = make(connections_per_address=1)
        gate.entered("a", HOST)
        gate.limits = Limits(connections_per_address=2)
        assert gate.refusal(HOST, 0) == ""


class TestPenalties:
    def test_login_failure_burst_and_interval_start_a_penalty(self):
        gate = make(login_failure_burst=3, login_failure_interval=6.0)
        assert fail(gate, 3) == [0, 0, 0]
        assert fail(gate, 1, now=6.0) == [0], "one is forgiven in each interval"
        assert not gate.is_penalised(HOST, 6.0)
        assert fail(gate, 1, now=6.0) == [30.0]
        assert gate.is_penalised(HOST, 6.0)
        assert gate.is_penalised(HOST, 35.9)
        assert not gate.is_penalised("192.0.2.2", 6.0)

    def test_penalty_refuses_its_address_until_it_ends(self):
        gate = make(login_failure_burst=1)
        fail(gate, 2)
        assert gate.refusal(HOST, 29.9) == "penalty"
        assert gate.tick(29.9) == []
        assert gate.tick(30.0) == [HOST]
        assert gate.tick(30.0) == []
        assert gate.refusal(HOST, 30.0) == ""

    def test_failures_already_in_progress_do_not_double_the_penalty(self):
        gate = make(login_failure_burst=1)
        assert fail(gate, 4) == [0, 30.0, 0, 0]

    def test_penalty_doubles_up_to_penalty_max(self):
        gate = make(login_failure_burst=1, login_failure_interval=1.0, penalty=30.0, penalty_max=100.0)
        now, lengths = 0.0, []
        for _ in range(4):
            lengths.append(max(fail(gate, 5, now)))
            now += lengths[-1]
        assert lengths == [30.0, 60.0, 100.0, 100.0]
        now += 100.0
        assert max(fail(gate, 5, now)) == 30.0, "after penalty_max without failures it starts over"

    def test_an_address_is_not_penalised_for_another_address(self):
        gate = make(login_failure_burst=1)
        fail(gate, 9, address="2001:db8:1:2::1")
        assert gate.refusal("2001:db8:1:2::2", 0) == "penalty"
        assert gate.refusal("2001:db8:1:3::2", 0) == ""


class TestMemory:
    def test_an_idle_address_is_forgotten(self):
        gate = make()
        gate.refusal(HOST, 0)
        gate.entered("a", HOST)
        gate.left("a")
        assert len(gate) == 1
        gate.tick(0.01)
        assert len(gate) == 1, "its rate is not whole again"
        gate.tick(1.0)
        assert len(gate) == 0

    def test_a_penalty_is_remembered_until_it_no_longer_counts(self):
        gate = make(login_failure_burst=1, penalty_max=100.0)
        fail(gate, 2)
        gate.tick(100.0)
        assert len(gate) == 1
        gate.tick(130.0)
        assert len(gate) == 0

    def test_memory_is_bounded(self, monkeypatch):
        monkeypatch.setattr(addresses, "_REMEMBERED", 10)
        gate = make(login_failure_burst=1)
        gate.entered("a", HOST)
        fail(gate, 2, address="198.51.100.1")
        for number in range(50):
            gate.refusal(f"2001:db8:{number:x}::1", 0)
        assert len(gate) == 12
        gate.left("a")
        assert len(gate) == 11
        assert gate.tick(30.0) == ["198.51.100.1"]
        assert len(gate) == 1, "of the penalised one is known that it was penalised"

    def test_unauthenticated_clients_push_no_penalty_out(self):
        gate = make(login_failure_burst=1)
        fail(gate, 2)
        for number in range(addresses._REMEMBERED + 1):
            gate.refusal(f"2001:db8:{number:x}::1", 1.0)
        assert gate.refusal(HOST, 29.9) == "penalty"
        assert gate.is_penalised(HOST, 29.9)
        assert gate.refusal("2001:db8:1::1", 1.0) == ""

    def test_penalties_of_many_networks_push_no_penalty_out(self, monkeypatch):
        monkeypatch.setattr(penalties, "MOST", 100)
        gate = make(login_failure_burst=1)
        gate.entered("a", "2001:db8:1:7::1")
        for address in (HOST, *(f"2001:db8:1:{number:x}::1" for number in range(200))):
            assert gate.refusal(address, 0) in {"", "penalty"}
            fail(gate, 2, address=address)
        assert gate.refusal(HOST, 29.9) == "penalty"
        for number in (0, 7, 199, 200):
            assert gate.refusal(f"2001:db8:1:{number:x}::1", 29.9) == "penalty", "its /48 shares one"
        assert gate.refusal("2001:db8:2::1", 29.9) == ""
        assert len(gate._penalties) <= 100
        assert set(gate.tick(30.0)) == {HOST, "2001:db8:1::/48"}
        gate.left("a")
        assert gate.refusal("2001:db8:1:7::1", 30.0) == ""

    def test_a_penalty_lasts_while_connections_stay(self):
        gate = make(login_failure_burst=1)
        gate.entered("a", HOST)
        fail(gate, 2)
        gate.left("a")
        gate.entered("b", HOST)
        assert gate.is_penalised(HOST, 29.9)
        assert gate.tick(30.0) == [HOST]
        gate.left("b")
        assert len(gate) == 1


class TestFailingAddresses:
    """Where the last login was wrong, the next secrets are compared after all others."""

    def test_an_address_counts_as_failing_until_a_login_succeeds(self):
        gate = make()
        assert not gate.has_failed(HOST, 0)
        gate.succeeded(HOST)
        gate.failed(HOST, 0)
        assert gate.has_failed(HOST, 60), "longer than the failure counts towards a penalty"
        gate.succeeded(HOST)
        assert not gate.has_failed(HOST, 60)

    def test_an_address_counts_as_failing_as_long_as_a_penalty_is_remembered(self):
        gate = make()
        gate.failed(HOST, 0)
        gate.tick(800)
        assert gate.has_failed(HOST, 899)
        gate.tick(900)
        assert not gate.has_failed(HOST, 900)
        assert len(gate) == 0
