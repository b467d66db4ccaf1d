"""Peers take turns; a failure is reported and does not end the others."""

import pytest

from tests.bench.measure import Quiet
from tests.bench.peers import PEERS, Broadcast, Ours
from tests.bench.rig import Failed
from tests.bench.rounds import Plan


@pytest.fixture
def plan():
    return Plan(None, ["ami-proxy", "broadcast-5ms"], rounds=2, seconds=1.0, quiet=Quiet(0.25, 0.0))


def test_each_round_begins_with_another_peer(plan):
    order = []
    plan.compare("T", [Ours, Broadcast], lambda kind: order.append(kind.name) or {"cost": 1.0})
    assert order == ["ami-proxy", "broadcast-5ms", "broadcast-5ms", "ami-proxy"]


def test_results_are_by_peer_and_round(plan):
    count = iter(range(4))
    results = plan.compare("T", [Ours, Broadcast], lambda _: {"cost": next(count)})
    assert results == {"ami-proxy": [{"cost": 0}, {"cost": 3}], "broadcast-5ms": [{"cost": 1}, {"cost": 2}]}
    assert [kept["round"] for kept in plan.kept] == [0, 0, 1, 1]


def test_a_failure_becomes_a_remark(plan):
    def work(kind):
        if kind is Ours:
            raise Failed("it fell over")
        return {"cost": 1.0}

    results = plan.compare("T", [Ours, Broadcast], work)
    assert results["ami-proxy"] == [None, None]
    assert results["broadcast-5ms"] == [{"cost": 1.0}] * 2
    assert list(plan.remarks) == ["T: ami-proxy failed: it fell over"]


def test_a_disturbed_measurement_is_repeated_while_there_is_patience(plan, monkeypatch):
    plan.rounds, plan.quiet = 1, Quiet(0.25, 60.0)
    monkeypatch.setattr(plan.quiet, "wait", lambda: None)
    others = iter([0.9, 0.1, 0.0])
    results = plan.compare("T", [Ours], lambda _: {"others": next(others)})
    assert results["ami-proxy"] == [{"others": 0.1}]


def test_a_missing_peer_is_left_out_with_a_remark(plan, monkeypatch):
    monkeypatch.setattr(PEERS["broadcast-5ms"], "missing", classmethod(lambda _: "no compiler"))
    assert plan.kinds() == [Ours]
    assert list(plan.remarks) == ["broadcast-5ms: skipped, no compiler"]


def test_peers_can_be_selected(plan):
    assert plan.kinds("haproxy", "ami-proxy") == [Ours]
    assert plan.kinds(wanted=lambda kind: not kind.has_rights) == [Broadcast]
