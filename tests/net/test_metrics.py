"""The metrics: each counter where it belongs, labels that nobody can blow up, and no secret."""

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path
from shutil import which

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from proxy.ami import privilege
from proxy.config.limits import Limits
from proxy.core.users import User
from proxy.net.link import LinkState
from proxy.net.metrics import ServiceCollector
from proxy.net.reloads import ReloadReport
from tests.support.core_doubles import ListTransport, ListUpstream, event
from tests.support.live_service import LiveService

HASH = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$hash"
USERS = (
    User("wall", read=privilege.CALL, secret="plain:hunter2"),
    User("boss", read=privilege.ALL, write=privilege.ALL, md5_secret=b"hunter2hunter2", secret=HASH),
)


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    return LiveService(tmp_path, *USERS)


def text_of(service: LiveService) -> str:
    registry = CollectorRegistry()
    registry.register(ServiceCollector(service))
    return generate_latest(registry).decode()


def values_of(service: LiveService) -> Mapping[str, float]:
    """``name{label="value"}`` -> value."""
    found = {}
    for family in text_string_to_metric_families(text_of(service)):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def login(service: LiveService, name: str, secret: str) -> ListTransport:
    transport = ListTransport()
    session = service.hub.attach(transport)
    session.receive(f"Action: Login\r\nUsername: {name}\r\nSecret: {secret}\r\n\r\n".encode())
    return transport


async def test_a_quiet_service_has_every_metric(service: LiveService) -> None:
    found = values_of(service)
    assert found['amiproxy_sessions{user="wall"}'] == found['amiproxy_sessions{user="boss"}'] == 0
    assert found['amiproxy_connections{state="authenticated"}'] == 0
    assert found["amiproxy_config_ok"] == 1
    assert found["amiproxy_link_up"] == 0
    assert found['amiproxy_link_state{state="connecting"}'] == 1
    assert found['amiproxy_reloads_total{result="failed"}'] == 0
    assert found["amiproxy_draining"] == 0
    assert found["amiproxy_outbox_largest_bytes"] == 0
    assert found["amiproxy_start_time_seconds"] == pytest.approx(service.started)
    assert sum(1 for name in found if name.startswith("amiproxy_build_info{")) == 1


async def test_every_limit_is_there_with_its_hits(service: LiveService) -> None:
    service.hub.stats.hit("connections")
    found = values_of(service)
    assert found['amiproxy_limit{limit="sessions_per_user"}'] == Limits().sessions_per_user
    assert found['amiproxy_limit_hits_total{limit="connections"}'] == 1
    assert found['amiproxy_limit_hits_total{limit="login_timeout"}'] == 0


async def test_sessions_logins_and_their_ends(service: LiveService) -> None:
    login(service, "WALL", "hunter2")
    login(service, "wall", "wrong")
    login(service, "nobody", "wrong")
    service.hub.sessions_of(USERS[0])[0].close("kicked")
    login(service, "wall", "hunter2")
    service.hub.stats.closed("")
    found = values_of(service)
    assert found['amiproxy_sessions{user="wall"}'] == 1
    assert found['amiproxy_connections{state="unauthenticated"}'] == 2
    assert found["amiproxy_logins_total"] == 2
    assert found['amiproxy_login_failures_total{reason="wrong secret"}'] == 1
    assert found['amiproxy_login_failures_total{reason="no such user"}'] == 1
    assert found['amiproxy_session_closes_total{reason="kicked"}'] == 1
    assert found['amiproxy_session_closes_total{reason="close timeout"}'] == 1


async def test_events_by_class(service: LiveService) -> None:
    login(service, "wall", "hunter2")
    service.hub.from_upstream(
        [
            event("Hangup"),
            event("Alarm", "system"),
            event("Odd", "nonsense"),
            b"Event: \x00\r\n\r\n",
            b"x\r\n\r\n",
        ]
    )
    found = values_of(service)
    assert found['amiproxy_events_total{class="call"}'] == 1
    assert found['amiproxy_events_total{class="system"}'] == 1
    assert found['amiproxy_events_total{class="unknown"}'] >= 1
    assert found['amiproxy_events_unread_total{class="call"}'] == 0
    assert found['amiproxy_events_unread_total{class="system"}'] == 1
    assert found["amiproxy_deliveries_total"] == 1
    assert found['amiproxy_dropped_total{reason="stray message"}'] == 1


async def test_actions_by_name_user_and_result_with_their_time(service: LiveService) -> None:
    actions = service.hub.stats.actions
    actions.answered(b"CoreStatus", "boss", b"Success", 0.02)
    actions.answered(b"CoreStatus", "boss", b"Error", 7.0)
    actions.answered(b"CoreStatus", "former", b"Success", 100.0)
    actions.answered(b"CoreStatus", "older", b"Success", 0.0)
    actions.count(b"Originate", "", "denied")
    found = values_of(service)
    assert found['amiproxy_actions_total{action="CoreStatus",result="success",user="boss"}'] == 1
    assert found['amiproxy_actions_total{action="CoreStatus",result="error",user="boss"}'] == 1
    assert found['amiproxy_actions_total{action="CoreStatus",result="success",user="removed"}'] == 2
    assert found['amiproxy_actions_total{action="Originate",result="denied",user=""}'] == 1
    assert found['amiproxy_action_seconds_bucket{action="CoreStatus",le="0.025"}'] == 2
    assert found['amiproxy_action_seconds_bucket{action="CoreStatus",le="10.0"}'] == 3
    assert found['amiproxy_action_seconds_bucket{action="CoreStatus",le="+Inf"}'] == 4
    assert found['amiproxy_action_seconds_count{action="CoreStatus"}'] == 4
    assert found['amiproxy_action_seconds_sum{action="CoreStatus"}'] == pytest.approx(107.02)


async def test_outboxes_and_the_link(service: LiveService) -> None:
    transport = login(service, "boss", "hunter2hunter2")
    transport.room = 0
    service.hub.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
    service.hub.serve()
    service.link.state = LinkState.UP
    waiting = service.hub.sessions[0].outbox.size
    found = values_of(service)
    assert found["amiproxy_outbox_bytes"] == found["amiproxy_outbox_largest_bytes"] == waiting > 0
    assert found["amiproxy_link_up"] == found["amiproxy_link_connects_total"] == 1
    assert found['amiproxy_link_state{state="up"}'] == 1
    assert found["amiproxy_actions_in_flight"] == 1
    service.hub.link_down("lost")
    assert values_of(service)["amiproxy_link_losses_total"] == 1


async def test_handshakes_and_their_failures(service: LiveService) -> None:
    service.door.handshakes["TLSv1.3"] = 5
    service.door.handshake_failures["unsupported protocol"] = 2
    found = values_of(service)
    assert found['amiproxy_handshakes_total{version="TLSv1.3"}'] == 5
    assert found['amiproxy_handshake_failures_total{reason="unsupported protocol"}'] == 2


async def test_reasons_are_so_many_and_then_one(service: LiveService) -> None:
    service.door.handshake_failures.update({f"reason {number}": 1 for number in range(1000)})
    found = values_of(service)
    reasons = [name for name in found if name.startswith("amiproxy_handshake_failures_total{")]
    assert len(reasons) == 41
    assert found['amiproxy_handshake_failures_total{reason="other"}'] == 960


async def test_certificates_by_name(service: LiveService) -> None:
    found = values_of(service)
    facts = service.stores[0].current.pairs[0].facts
    for name in facts.names:
        key = f'amiproxy_certificate_not_after_seconds{{listener="127.0.0.1:5039",name="{name}"}}'
        assert found[key] == facts.not_after.timestamp()
    assert found['amiproxy_certificate_generation{listener="127.0.0.1:5039"}'] == 1


async def test_reloads(service: LiveService) -> None:
    service.reloads.results.update(succeeded=3, failed=1)
    service.reloads.last = ReloadReport(False, "SIGHUP", 5.0, ("wrong",))
    service.reloads.last_success = 4.0
    service.certificate_reloads["swapped"] = 2
    found = values_of(service)
    assert found['amiproxy_reloads_total{result="succeeded"}'] == 3
    assert found['amiproxy_reloads_total{result="failed"}'] == 1
    assert found["amiproxy_config_ok"] == 0
    assert found["amiproxy_reload_last_success_seconds"] == 4.0
    assert found['amiproxy_certificate_reloads_total{outcome="swapped"}'] == 2


async def test_lateness_of_the_loop(service: LiveService) -> None:
    service.lag.measured(0.03)
    found = values_of(service)
    assert found['amiproxy_loop_lag_seconds_bucket{le="0.025"}'] == 0
    assert found['amiproxy_loop_lag_seconds_bucket{le="0.05"}'] == 1
    assert found["amiproxy_loop_lag_seconds_sum"] == pytest.approx(0.03)


async def test_what_clients_choose_is_in_no_label_and_no_secret_anywhere(service: LiveService) -> None:
    login(service, "intruder\nx", "hunter3")
    transport = login(service, "boss", "hunter2hunter2")
    for number in range(50):
        service.hub.sessions[-1].receive(b"Action: Made%d\r\nSecret: hunter4\r\n\r\n" % number)
    text = text_of(service)
    assert transport.peer.address not in text
    for chosen in ("intruder", "Made1", "hunter", "plain:", HASH, "the upstream secret"):
        assert chosen not in text
    assert text.count("amiproxy_actions_total{") == 1


async def test_names_and_help_follow_the_conventions(service: LiveService) -> None:
    login(service, "boss", "hunter2hunter2")
    text = text_of(service)
    helps = [line.split(" ", 3) for line in text.splitlines() if line.startswith("# HELP ")]
    assert len(helps) > 30
    assert all(name.startswith("amiproxy_") and words for _, _, name, words in helps)
    tool = which("promtool")
    if tool is None:
        pytest.skip("Debian's package prometheus, which has promtool, is not installed")
    checked = await asyncio.to_thread(
        subprocess.run, [tool, "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
