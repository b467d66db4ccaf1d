"""The metrics of an edge and of an agent, from what they say of themselves."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from amiproxy.core.fleet.agentview import GONE_AFTER
from amiproxy.net.admin.metrics import ServiceCollector
from tests.support.fleets import AGENT, EDGE, FakeFleet
from tests.support.live_service import LiveService


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    return LiveService(tmp_path)


def values(service: LiveService, found: Mapping[str, Any] | None) -> Mapping[tuple[str, ...], float]:
    """Name and label values -> value, of the fleet alone."""
    service.fleet = None if found is None else FakeFleet(found)
    registry = CollectorRegistry()
    registry.register(ServiceCollector(service))
    return {
        (
            sample.name.removeprefix("amiproxy_fleet_"),
            *(value for _, value in sorted(sample.labels.items())),
        ): (sample.value)
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if sample.name.startswith("amiproxy_fleet_")
    }


async def test_a_proxy_on_its_own_has_none(service: LiveService) -> None:
    assert values(service, None) == {}


async def test_an_edge_counts_what_it_gets_of_each_server(service: LiveService) -> None:
    found = values(service, EDGE)
    assert found["engine_up", "events"] == 1
    assert found["engine_up", "actions"] == 0
    assert found["engine_rtt_seconds", "events"] == pytest.approx(0.0004)
    assert ("engine_rtt_seconds", "actions") not in found, "not yet measured"
    assert found["engine_connects_total", "events"] == 2
    assert found["engine_failures_total", "events", "not_sent"] == 3
    assert found["engine_failures_total", "actions", "refused"] == 1
    assert found["server_state", "berlin", "up"] == 1
    assert found["server_state", "hamburg", "up"] == 0
    assert found["server_state", "hamburg", "waiting"] == 1
    assert found["lag_seconds", "berlin"] == pytest.approx(0.002)
    assert (found["agents", "berlin"], found["agents_up", "berlin"]) == (2, 2)
    assert (found["agents", "hamburg"], found["agents_up", "hamburg"]) == (1, 0)
    assert found["rights_differ", "berlin-a", "berlin"] == 0
    assert found["rights_differ", "berlin-b", "berlin"] == 1
    assert found["rights_differ", "hamburg-a", "hamburg"] == 0, "not known is not other"
    counted = {
        name: found[f"{name}_total", "berlin"]
        for name in ("events_received", "messages_received", "bytes_received", "gaps", "gaps_repaired")
    }
    assert list(counted.values()) == [1_820_400, 92_000, 910_200_000, 3, 2]
    assert found["duplicates_total", "berlin"] == 5
    assert found["snapshots_total", "berlin"] == found["agent_changes_total", "berlin"] == 1
    assert found["malformed_total", "hamburg"] == 0


async def test_an_agent_that_is_silent_is_not_up_whatever_it_has_said_last(service: LiveService) -> None:
    silent = copy.deepcopy(EDGE)
    silent["servers"][0]["agents"][0]["beat_age"] = GONE_AFTER
    silent["servers"][0]["agents"][1]["beat_age"] = GONE_AFTER + 0.1
    assert values(service, silent)["agents_up", "berlin"] == 1


async def test_an_edge_counts_its_actions_by_outcome(service: LiveService) -> None:
    found = values(service, EDGE)
    outcomes = {key[1]: value for key, value in found.items() if key[0] == "actions_total"}
    assert outcomes == {"answered": 800, "refused": 3, "not_connected": 2, "unknown": 1}
    assert found["actions_sent_total",] == 811
    assert found["actions_pending",] == 7
    assert not [key for key in found if "published" in key[0] or key[0].startswith("edge_")]


async def test_an_agent_counts_what_it_publishes_and_what_each_edge_asks(service: LiveService) -> None:
    found = values(service, AGENT)
    assert found["events_published_total", "berlin"] == 1_820_400
    assert found["messages_published_total", "berlin"] == 92_000
    assert found["bytes_published_total", "berlin"] == 910_200_000
    assert (found["replays_total", "berlin"], found["replays_not_held_total", "berlin"]) == (2, 1)
    assert (found["edge_actions_total", "edge1"], found["edge_queries_total", "edge1"]) == (812, 12)
    assert found["edge_refusals_total", "edge1", "expired"] == 2
    assert found["edge_refusals_total", "edge2", "rights"] == 0
    assert found["edge_last_action_seconds", "edge1"] == 0
    assert ("edge_last_action_seconds", "edge2") not in found
    assert not [key for key in found if "received" in key[0] or key[0].startswith("server_")]
