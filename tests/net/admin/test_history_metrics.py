"""The metrics of journal, state, snapshots and resumes."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from amiproxy.ami import privilege
from amiproxy.core.model.limits import HistoryBounds
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.net.admin.metrics import ServiceCollector
from tests.support.core_doubles import ListUpstream, event
from tests.support.live_service import LiveService

SERVERS = Configured(("pbx1", "pbx2"), named=True, default="")
BOARD = User("board", read=privilege.CALL, secret="plain:x", history=True, servers=("pbx1",))
DESK = User("desk", read=privilege.CALL, secret="plain:x", servers=SERVERS.names)


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    return LiveService(tmp_path, BOARD, DESK, servers=SERVERS)


def values(service: LiveService) -> Mapping[tuple[str, ...], float]:
    """Name and label values -> value."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(service))
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def up(service: LiveService, name: str) -> None:
    server = service.hub.servers.find(name.encode())
    assert server is not None
    server.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
    server.from_upstream([event("FullyBooted", "system")])
    server.from_upstream([event("Newchannel"), event("Hangup")])


async def test_a_journal_is_measured_where_one_is_kept(service: LiveService) -> None:
    up(service, "pbx1")
    up(service, "pbx2")
    service.hub.adopt_history(HistoryBounds(1 << 20, 60.0), "auto")
    found = values(service)
    assert found["amiproxy_journal_events", "pbx1"] == 3
    assert found["amiproxy_journal_bytes", "pbx1"] > 3 * len(event("Hangup"))
    assert found["amiproxy_journal_age_seconds", "pbx1"] >= 0
    assert found["amiproxy_journal_bytes_max", "pbx1"] == 1 << 20
    assert found["amiproxy_journal_seconds_max", "pbx1"] == 60
    assert not [key for key in found if key[0].startswith("amiproxy_journal") and key[1] == "pbx2"]


async def test_the_state_is_measured_by_kind_where_it_is_kept(service: LiveService) -> None:
    counts = service.hub.stats.history_of("pbx1")
    counts.seeded("channels", 0.2)
    counts.seed_failures["bridges"] = 2
    counts.drift["channels"] = 3
    found = values(service)
    assert found["amiproxy_state_items", "channels", "pbx1"] == 0
    assert found["amiproxy_state_known", "channels", "pbx1"] == 0, "its lists have not been read"
    assert found["amiproxy_state_drift_total", "channels", "pbx1"] == 3
    assert found["amiproxy_state_drift_total", "bridges", "pbx1"] == 0
    assert found["amiproxy_state_seed_failures_total", "bridges", "pbx1"] == 2
    assert found["amiproxy_state_seed_seconds_count", "channels", "pbx1"] == 1
    assert found["amiproxy_state_seed_seconds_sum", "channels", "pbx1"] == pytest.approx(0.2)
    assert not [key for key in found if key[0].startswith("amiproxy_state") and "pbx2" in key]


async def test_snapshots_and_resumes_are_counted_for_each_server(service: LiveService) -> None:
    counts = service.hub.stats.history_of("pbx2")
    counts.snapshots["partial"] = 2
    counts.snapshots_shared = 1
    counts.resumes["gap"] = 3
    counts.replayed = 40
    counts.catching_up = 1
    counts.repairs["repaired"] = 5
    found = values(service)
    assert found["amiproxy_snapshots_total", "partial", "pbx2"] == 2
    assert found["amiproxy_snapshots_total", "partial", "pbx1"] == 0
    assert found["amiproxy_snapshots_shared_total", "pbx2"] == 1
    assert found["amiproxy_resumes_total", "gap", "pbx2"] == 3
    assert found["amiproxy_events_replayed_total", "pbx2"] == 40
    assert found["amiproxy_sessions_catching_up", "pbx2"] == 1
    assert found["amiproxy_repairs_total", "repaired", "pbx2"] == 5
    assert found["amiproxy_repairs_total", "given up", "pbx2"] == 0
