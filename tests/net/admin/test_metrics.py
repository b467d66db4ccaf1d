"""The metrics: each counter in its family, labels with bounded values, and no secret."""

import asyncio
import itertools
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

import msgspec
import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from amiproxy.ami import privilege
from amiproxy.core.audit.historycounts import REPAIR_OUTCOMES, RESUME_OUTCOMES, SNAPSHOT_OUTCOMES
from amiproxy.core.clients.linkloss import OUTCOMES
from amiproxy.core.clients.logins.attempt import REASONS
from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.model.limits import FIXED, Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.net.admin.exposition import writing
from amiproxy.net.admin.metrics import ServiceCollector, known
from amiproxy.net.admin.reloads import ReloadReport
from amiproxy.net.doors.requestcounts import ASKED, STATUSES
from amiproxy.net.upstream.link import LinkState
from amiproxy.steps import result_of
from tests.support.certificates import DAY, forge, forge_crl, install
from tests.support.core_doubles import ListTransport, ListUpstream, event
from tests.support.fleets import AGENT, EDGE, FakeFleet, idle
from tests.support.live_service import LiveService
from tests.support.requirements import give_up

HASH = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$hash"
USERS = (
    User("wall", read=privilege.CALL, secret="plain:hunter2"),
    User("boss", read=privilege.ALL, write=privilege.ALL, md5_secret=b"hunter2hunter2", secret=HASH),
)


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    return LiveService(tmp_path, *USERS)


#: The kinds whose state is kept.
KIND_NAMES = [make(lambda: 0.0).name for make in KINDS]
USER_NAMES = ["wall", "boss", "removed"]
CLASSES = [*privilege.CLASS_NAMES, "unknown"]
#: Every counter with labels: the values that exist, with 0, before anything has happened; by label.
#: Only those are left out that cannot be known beforehand.
FROM_THE_START = {
    "amiproxy_slow_consumers": {"user": ["", *USER_NAMES]},
    "amiproxy_login_failures": {"reason": REASONS},
    "amiproxy_http_requests": {"asked": ASKED, "status": STATUSES},
    "amiproxy_session_closes": {"reason": [*known.CLOSES, "other"]},
    "amiproxy_events": {"server": ["", "asterisk"], "class": CLASSES},
    "amiproxy_events_unread": {"server": ["", "asterisk"], "class": CLASSES},
    "amiproxy_events_filtered": {"server": ["", "asterisk"], "class": CLASSES},
    "amiproxy_deliveries": {"server": ["", "asterisk"], "class": CLASSES},
    "amiproxy_dropped": {
        "server": ["", "asterisk"],
        "class": ["", *CLASSES],
        "reason": [*known.DROPPED, "slow consumer"],
    },
    "amiproxy_events_repaired": {"server": ["asterisk"]},
    "amiproxy_action_timeouts": {"server": ["asterisk"]},
    "amiproxy_actions_joined": {"server": ["asterisk"]},
    "amiproxy_link_connects": {"server": ["asterisk"]},
    "amiproxy_link_losses": {"server": ["asterisk"]},
    "amiproxy_actions": {
        "action": ["other"],
        "user": [""],
        "result": ["success", "error", "none", "local", "denied"],
    },
    "amiproxy_actions_denied": {"user": ["", *USER_NAMES]},
    "amiproxy_link_loss_sessions": {"server": ["asterisk"], "outcome": OUTCOMES},
    "amiproxy_snapshots": {"server": ["asterisk"], "outcome": SNAPSHOT_OUTCOMES},
    "amiproxy_snapshots_shared": {"server": ["asterisk"]},
    "amiproxy_resumes": {"server": ["asterisk"], "outcome": RESUME_OUTCOMES},
    "amiproxy_events_replayed": {"server": ["asterisk"]},
    "amiproxy_repairs": {"server": ["asterisk"], "outcome": REPAIR_OUTCOMES},
    "amiproxy_state_drift": {"server": ["asterisk"], "kind": KIND_NAMES},
    "amiproxy_state_seed_failures": {"server": ["asterisk"], "kind": KIND_NAMES},
    "amiproxy_asterisk_seconds": {
        "server": ["asterisk"],
        "user": USER_NAMES,
        "link": ["main", "side", "lists"],
    },
    "amiproxy_processor_seconds": {"user": USER_NAMES},
    "amiproxy_side_link_losses": {"server": ["asterisk"], "link": ["side", "lists"]},
    "amiproxy_handshakes": {"version": ["TLSv1.2", "TLSv1.3"]},
    "amiproxy_handshake_failures": {"reason": [*known.HANDSHAKE_FAILURES, "other"]},
    "amiproxy_reloads": {
        "result": ["succeeded", "failed"],
        "trigger": ["SIGHUP", "control", "SIGHUP+control"],
    },
    "amiproxy_certificate_reloads": {
        "outcome": ["swapped", "unchanged", "partial", "failed"],
        "trigger": ["watch", "timer", "SIGHUP", "control"],
    },
    "amiproxy_limit_hits": {"limit": [*Limits.__struct_fields__, *FIXED]},
}
#: The same of an edge and of an agent of a fleet, in addition.
_BERLIN = {"server": ["berlin", "hamburg"]}
_ENGINES = {
    "amiproxy_fleet_engine_connects": {"connection": ["events", "actions"]},
    "amiproxy_fleet_engine_failures": {
        "connection": ["events", "actions"],
        "kind": ["not_sent", "refused", "slow", "faults"],
    },
}
OF_A_ROLE = {
    "edge": {
        **_ENGINES,
        "amiproxy_fleet_events_received": _BERLIN,
        "amiproxy_fleet_messages_received": _BERLIN,
        "amiproxy_fleet_bytes_received": _BERLIN,
        "amiproxy_fleet_gaps": _BERLIN,
        "amiproxy_fleet_gaps_repaired": _BERLIN,
        "amiproxy_fleet_duplicates": _BERLIN,
        "amiproxy_fleet_snapshots": _BERLIN,
        "amiproxy_fleet_agent_changes": _BERLIN,
        "amiproxy_fleet_malformed": _BERLIN,
        "amiproxy_fleet_actions": {"outcome": ["answered", "refused", "not_connected", "unknown"]},
    },
    "agent": {
        **_ENGINES,
        "amiproxy_fleet_events_published": {"server": ["berlin"]},
        "amiproxy_fleet_messages_published": {"server": ["berlin"]},
        "amiproxy_fleet_bytes_published": {"server": ["berlin"]},
        "amiproxy_fleet_replays": {"server": ["berlin"]},
        "amiproxy_fleet_replays_not_held": {"server": ["berlin"]},
        "amiproxy_fleet_edge_actions": {"edge": ["edge1", "edge2"]},
        "amiproxy_fleet_edge_queries": {"edge": ["edge1", "edge2"]},
        "amiproxy_fleet_edge_refusals": {
            "edge": ["edge1", "edge2"],
            "reason": ["expired", "rights", "user"],
        },
    },
}


def text_of(service: LiveService) -> str:
    return result_of(writing(ServiceCollector(service), generate_latest)).decode()


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


async def test_an_idle_service_has_every_metric(service: LiveService) -> None:
    found = values_of(service)
    assert found['amiproxy_sessions{user="wall"}'] == found['amiproxy_sessions{user="boss"}'] == 0
    assert found['amiproxy_connections{state="authenticated"}'] == 0
    assert found["amiproxy_config_ok"] == 1
    assert found['amiproxy_link_up{server="asterisk"}'] == 0
    assert found['amiproxy_link_state{server="asterisk",state="connecting"}'] == 1
    assert found['amiproxy_reloads_total{result="failed",trigger="SIGHUP"}'] == 0
    assert found["amiproxy_draining"] == 0
    assert found["amiproxy_outbox_largest_bytes"] == 0
    assert found["amiproxy_start_time_seconds"] == pytest.approx(service.started)
    assert sum(1 for name in found if name.startswith("amiproxy_build_info{")) == 1


@pytest.mark.parametrize("says", [None, EDGE, AGENT], ids=["alone", "edge", "agent"])
async def test_every_counter_has_a_series_before_the_first_occurrence(
    tmp_path: Path, says: Mapping[str, Any] | None
) -> None:
    wall, boss = USERS
    service = LiveService(tmp_path, replace(wall, history=True), boss)
    service.fleet = None if says is None else FakeFleet(idle(says))
    known_before = {**FROM_THE_START, **(OF_A_ROLE[says["role"]] if says else {})}
    counters = {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text_of(service))
        if family.type == "counter"
    }
    labelled = {name for name, samples in counters.items() if any(labels for labels, _ in samples)}
    assert labelled == set(known_before), "a new counter needs a row in FROM_THE_START"
    for name, samples in counters.items():
        assert samples, name
        assert {value for _, value in samples} == {0.0}, name
        labels = known_before.get(name, {})
        expected = {frozenset(zip(labels, row, strict=True)) for row in itertools.product(*labels.values())}
        if name == "amiproxy_dropped":  # only what a slow consumer missed has a class, and no server
            expected = {
                row
                for row in expected
                if (("reason", "slow consumer") in row) == (("server", "") in row) != (("class", "") in row)
            }
        assert {frozenset(labels.items()) for labels, _ in samples} == expected, name


async def test_what_happens_first_adds_no_series_of_a_known_value(service: LiveService) -> None:
    before = values_of(service)
    for name, secret in (("wall", "wrong"), ("nobody", "x"), ("wall", "hunter2")):
        login(service, name, secret)
    for session in list(service.hub.sessions):
        session.close("kicked")
    service.hub.servers.first.from_upstream([event("Hangup"), event("Alarm", "system"), b"x\r\n\r\n"])
    service.hub.stats.slow_consumers.update({"": 1, "wall": 1, "former": 1})
    service.pool.handshakes["TLSv1.3"] = 1
    service.pool.handshake_failures["http request"] = 1
    service.reloads.results["failed", "control"] = 1
    service.certificate_reloads["swapped", "timer"] = 1
    after = values_of(service)
    added = {name for name in after if name not in before}
    assert {name.partition("{")[0] for name in added} <= {"amiproxy_actions_total"}
    assert all(after[name] >= before[name] for name in before if "_total" in name)


async def test_every_limit_is_exposed_with_its_hits(service: LiveService) -> None:
    service.hub.stats.limit_reached("connections")
    found = values_of(service)
    assert found['amiproxy_limit{limit="sessions_per_user"}'] == Limits().sessions_per_user
    assert found['amiproxy_limit_hits_total{limit="connections"}'] == 1
    assert found['amiproxy_limit_hits_total{limit="login_timeout"}'] == 0
    assert found['amiproxy_limit_hits_total{limit="login_bytes"}'] == 0, "cannot be set, but reached"


async def test_sessions_logins_and_closes_are_counted(service: LiveService) -> None:
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


async def test_http_requests_streams_and_sessions_are_counted(service: LiveService) -> None:
    service.pool.requests.answer("ajam", 200)
    service.pool.requests.answer("other", 404)
    service.pool.requests.streams["ws"] += 2
    found = values_of(service)
    assert found['amiproxy_http_requests_total{asked="ajam",status="2xx"}'] == 1
    assert found['amiproxy_http_requests_total{asked="other",status="4xx"}'] == 1
    assert found['amiproxy_http_streams{door="ws"}'] == 2
    assert found['amiproxy_http_streams{door="api"}'] == 0
    assert found["amiproxy_http_sessions"] == 0


async def test_events_are_counted_by_class(service: LiveService) -> None:
    login(service, "wall", "hunter2")
    service.hub.servers.first.from_upstream(
        [
            event("Hangup"),
            event("Alarm", "system"),
            event("Odd", "nonsense"),
            b"Event: \x00\r\n\r\n",
            b"x\r\n\r\n",
        ]
    )
    found = values_of(service)
    assert found['amiproxy_events_total{class="call",server="asterisk"}'] == 1
    assert found['amiproxy_events_total{class="system",server="asterisk"}'] == 1
    assert found['amiproxy_events_total{class="unknown",server="asterisk"}'] >= 1
    assert found['amiproxy_events_unread_total{class="call",server="asterisk"}'] == 0
    assert found['amiproxy_events_unread_total{class="system",server="asterisk"}'] == 1
    assert found['amiproxy_deliveries_total{class="call",server="asterisk"}'] == 1
    assert found['amiproxy_deliveries_total{class="system",server="asterisk"}'] == 0
    assert found['amiproxy_dropped_total{class="",reason="stray message",server="asterisk"}'] == 1
    assert found['amiproxy_dropped_total{class="call",reason="slow consumer",server=""}'] == 0
    service.hub.stats.missed.count(event("Hangup") * 3)
    assert values_of(service)['amiproxy_dropped_total{class="call",reason="slow consumer",server=""}'] == 3


async def test_slow_consumers_are_counted_by_user(service: LiveService) -> None:
    service.hub.stats.slow_consumers.update({"wall": 2, "former": 1, "older": 1})
    found = values_of(service)
    names = ("wall", "boss", "removed")
    assert [found[f'amiproxy_slow_consumers_total{{user="{name}"}}'] for name in names] == [2, 0, 2]
    assert found['amiproxy_slow_consumers_total{user=""}'] == 0
    service.hub.stats.slow_consumers[""] += 1
    assert values_of(service)['amiproxy_slow_consumers_total{user=""}'] == 1


async def test_actions_are_counted_by_name_user_and_result_with_their_time(service: LiveService) -> None:
    actions, counts = service.hub.stats.actions, service.hub.servers.first.counts
    for user, response, seconds in (
        ("boss", b"Success", 0.02),
        ("boss", b"Error", 7.0),
        ("former", b"Success", 100.0),
        ("older", b"Success", 0.0),
    ):
        actions.answered(b"CoreStatus", user, response)
        counts.answered(b"CoreStatus", seconds)
    actions.count(b"Originate", "", "denied")
    found = values_of(service)
    assert found['amiproxy_actions_total{action="CoreStatus",result="success",user="boss"}'] == 1
    assert found['amiproxy_actions_total{action="CoreStatus",result="error",user="boss"}'] == 1
    assert found['amiproxy_actions_total{action="CoreStatus",result="success",user="removed"}'] == 2
    assert found['amiproxy_actions_total{action="Originate",result="denied",user=""}'] == 1
    assert found['amiproxy_action_seconds_bucket{action="CoreStatus",le="0.025",server="asterisk"}'] == 2
    assert found['amiproxy_action_seconds_bucket{action="CoreStatus",le="10.0",server="asterisk"}'] == 3
    assert found['amiproxy_action_seconds_bucket{action="CoreStatus",le="+Inf",server="asterisk"}'] == 4
    assert found['amiproxy_action_seconds_count{action="CoreStatus",server="asterisk"}'] == 4
    assert found['amiproxy_action_seconds_sum{action="CoreStatus",server="asterisk"}'] == pytest.approx(
        107.02
    )


async def test_outboxes_and_the_link_are_measured(service: LiveService) -> None:
    transport = login(service, "boss", "hunter2hunter2")
    transport.room = 0
    service.hub.servers.first.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
    service.hub.servers.first.serve()
    service.link.state = LinkState.UP
    waiting = service.hub.sessions[0].outbox.size
    found = values_of(service)
    assert found["amiproxy_outbox_bytes"] == found["amiproxy_outbox_largest_bytes"] == waiting > 0
    assert found['amiproxy_link_up{server="asterisk"}'] == 1
    assert found['amiproxy_link_connects_total{server="asterisk"}'] == 1
    assert found['amiproxy_link_state{server="asterisk",state="up"}'] == 1
    assert found['amiproxy_actions_in_flight{server="asterisk"}'] == 1
    (session,) = service.hub.sessions
    session.receive(b"Action: CoreStatus\r\n\r\n" * 3)
    assert values_of(service)['amiproxy_actions_in_flight{server="asterisk"}'] == 4, (
        "the value compared with limits.in_flight"
    )
    session.close("kicked")
    waiting = session.outbox.size
    found = values_of(service)
    assert found["amiproxy_outbox_bytes"] == found["amiproxy_outbox_largest_bytes"] == waiting > 0
    service.hub.servers.first.link_down("lost")
    assert values_of(service)['amiproxy_link_losses_total{server="asterisk"}'] == 1
    service.hub.servers.first.counts.lost_sessions.update({"closed": 3})
    found = values_of(service)
    assert found['amiproxy_link_loss_sessions_total{outcome="closed",server="asterisk"}'] == 3
    assert found['amiproxy_link_loss_sessions_total{outcome="told",server="asterisk"}'] == 0


async def test_handshakes_and_their_failures_are_counted(service: LiveService) -> None:
    service.pool.handshakes["TLSv1.3"] = 5
    service.pool.handshake_failures["unsupported protocol"] = 2
    found = values_of(service)
    assert found['amiproxy_handshakes_total{version="TLSv1.3"}'] == 5
    assert found['amiproxy_handshake_failures_total{reason="unsupported protocol"}'] == 2


async def test_the_number_of_reasons_is_bounded(service: LiveService) -> None:
    service.pool.handshake_failures.update({f"reason {number}": 1 for number in range(1000)})
    found = values_of(service)
    reasons = [name for name in found if name.startswith("amiproxy_handshake_failures_total{")]
    assert len(reasons) == len(known.HANDSHAKE_FAILURES) + 40 + 1
    assert found['amiproxy_handshake_failures_total{reason="other"}'] == 960


async def test_certificates_are_exposed_by_name(service: LiveService) -> None:
    found = values_of(service)
    facts = service.stores[0].current.pairs[0].facts
    for name in facts.names:
        key = f'amiproxy_certificate_not_after_seconds{{listener="127.0.0.1:5039",name="{name}"}}'
        assert found[key] == facts.not_after.timestamp()
        assert found[key.replace("not_after", "not_before")] == facts.not_before.timestamp()
    assert found['amiproxy_certificate_generation{listener="127.0.0.1:5039"}'] == 1


async def test_reloads_are_counted(service: LiveService) -> None:
    service.reloads.results.update({("succeeded", "control"): 3, ("failed", "SIGHUP"): 1})
    service.reloads.last = ReloadReport(False, "SIGHUP", 5.0, ("wrong",))
    service.reloads.last_success = service.stores[0].current.since + 4.0
    service.certificate_reloads["swapped", "watch"] = 2
    found = values_of(service)
    assert found['amiproxy_reloads_total{result="succeeded",trigger="control"}'] == 3
    assert found['amiproxy_reloads_total{result="failed",trigger="SIGHUP"}'] == 1
    assert found["amiproxy_config_ok"] == 0
    assert found["amiproxy_reload_last_success_seconds"] == service.reloads.last_success
    assert found['amiproxy_certificate_reloads_total{outcome="swapped",trigger="watch"}'] == 2


async def test_a_swap_by_the_watch_counts_as_a_success(service: LiveService, tmp_path: Path) -> None:
    (store,), key = service.stores, service.config.listeners[0].certificates[0].key
    listener = '{listener="127.0.0.1:5039"}'
    service.reloads.last_success = store.current.since - 100
    found = values_of(service)
    assert found["amiproxy_reload_last_success_seconds"] == store.current.since
    assert found[f"amiproxy_certificate_last_success_seconds{listener}"] == store.last_success
    assert found[f"amiproxy_certificate_files_refused{listener}"] == 0
    good = key.read_bytes()
    key.write_bytes(b"junk")
    store.reload("watch")
    store.reload("timer")
    assert values_of(service)[f"amiproxy_certificate_files_refused{listener}"] == 1
    key.write_bytes(good)
    store.reload("timer")
    found = values_of(service)
    assert found[f"amiproxy_certificate_files_refused{listener}"] == 0
    assert found[f"amiproxy_certificate_last_success_seconds{listener}"] == store.last_success


async def test_client_cas_and_revocation_lists_are_exposed(service: LiveService, tmp_path: Path) -> None:
    end = datetime(2040, 1, 1, tzinfo=UTC)
    authority = forge("Clients CA", ca=True, not_after=end + DAY)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    (tmp_path / "ca.crl").write_bytes(forge_crl(authority, next_update=end))
    listener = msgspec.structs.replace(
        service.config.listeners[0],
        client_auth="optional",
        client_ca=tmp_path / "ca.crt",
        client_crl=tmp_path / "ca.crl",
    )
    store = service.stores[0]
    store.commit(store.prepare("test", listener, service.config.tls))
    found, labels = values_of(service), '{listener="127.0.0.1:5039",name="CN=Clients CA"}'
    assert found[f"amiproxy_crl_next_update_seconds{labels}"] == end.timestamp()
    assert found[f"amiproxy_crl_last_update_seconds{labels}"] < end.timestamp()
    assert found[f"amiproxy_client_ca_not_after_seconds{labels}"] == (end + DAY).timestamp()


async def test_the_end_of_a_chain_is_its_first_certificate_to_end(service: LiveService) -> None:
    middle = forge("Middle", ca=True, not_after=datetime(2030, 1, 1, tzinfo=UTC))
    leaf = forge(issuer=middle, not_after=datetime(2031, 1, 1, tzinfo=UTC))
    pair = service.config.listeners[0].certificates[0]
    install(pair.chain.parent, leaf.pem + middle.pem, leaf.key_pem)
    assert service.stores[0].reload("test").succeeded
    key = 'amiproxy_certificate_not_after_seconds{listener="127.0.0.1:5039",name="dns:pbx.example"}'
    assert values_of(service)[key] == middle.certificate.not_valid_after_utc.timestamp()


async def test_lateness_of_the_loop_is_a_histogram(service: LiveService) -> None:
    service.lag.measured(0.03)
    found = values_of(service)
    assert found['amiproxy_loop_lag_seconds_bucket{le="0.025"}'] == 0
    assert found['amiproxy_loop_lag_seconds_bucket{le="0.05"}'] == 1
    assert found["amiproxy_loop_lag_seconds_sum"] == pytest.approx(0.03)


async def test_no_label_holds_a_value_that_clients_choose_and_none_holds_a_secret(
    service: LiveService,
) -> None:
    login(service, "intruder\nx", "hunter3")
    transport = login(service, "boss", "hunter2hunter2")
    for number in range(50):
        service.hub.sessions[-1].receive(b"Action: Made%d\r\nSecret: hunter4\r\n\r\n" % number)
    text = text_of(service)
    assert transport.peer.address not in text
    for chosen in ("intruder", "Made1", "hunter", "plain:", HASH, "the upstream secret"):
        assert chosen not in text
    combinations = set(re.findall("^amiproxy_actions_total{(.*)} ", text, re.MULTILINE))
    assert len(combinations) == len(known.RESULTS) + 1


async def test_names_and_help_follow_the_conventions(service: LiveService) -> None:
    login(service, "boss", "hunter2hunter2")
    text = text_of(service)
    helps = [line.split(" ", 3) for line in text.splitlines() if line.startswith("# HELP ")]
    assert len(helps) > 30
    assert all(name.startswith("amiproxy_") and words for _, _, name, words in helps)
    tool = which("promtool")
    if tool is None:
        give_up("TOOLS", "Debian's package prometheus, which has promtool, is not installed")
    checked = await asyncio.to_thread(
        subprocess.run, [tool, "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


async def test_processor_seconds_are_counted_by_user(service: LiveService) -> None:
    shares = service.hub.ctx.shares
    shares.charge(shares.of_user("wall"), 2.0)
    shares.charge(shares.of_user("former"), 1.0)
    shares.charge(shares.of_user("older"), 0.5)
    found = values_of(service)
    assert found['amiproxy_processor_seconds_total{user="wall"}'] >= 2.0
    assert found['amiproxy_processor_seconds_total{user="boss"}'] == 0.0
    assert found['amiproxy_processor_seconds_total{user="removed"}'] == 1.5


class TestSeveralServers:
    servers = Configured(("pbx1", "pbx2"), named=True, default="pbx1")

    @pytest.fixture
    async def service(self, tmp_path: Path) -> LiveService:
        users = [replace(user, servers=self.servers.names) for user in USERS]
        return LiveService(tmp_path, *users, servers=self.servers)

    async def test_each_has_its_own_series(self, service: LiveService) -> None:
        one, two = service.hub.servers
        service.links["pbx2"].state = LinkState.UP
        two.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
        two.serve()
        two.from_upstream([event("Hangup"), event("Hangup"), b"x\r\n\r\n"])
        one.from_upstream([event("Hangup")])
        two.counts.action_timeouts += 3
        two.counts.answered(b"Ping", 0.02)
        two.counts.lost_sessions.update({"closed": 4})
        found = values_of(service)
        for name, of_one, of_two in (
            ("amiproxy_link_up{%s}", 0, 1),
            ("amiproxy_link_connects_total{%s}", 0, 1),
            ('amiproxy_link_loss_sessions_total{outcome="closed",%s}', 0, 4),
            ('amiproxy_events_total{class="call",%s}', 1, 2),
            ('amiproxy_dropped_total{class="",reason="stray message",%s}', 0, 1),
            ("amiproxy_action_timeouts_total{%s}", 0, 3),
            ('amiproxy_side_link_up{link="side",%s}', 0, 0),
        ):
            assert found[name % 'server="pbx1"'] == of_one, name
            assert found[name % 'server="pbx2"'] == of_two, name
        assert found['amiproxy_action_seconds_count{action="Ping",server="pbx2"}'] == 1

    async def test_a_server_that_was_removed_has_no_series(self, service: LiveService) -> None:
        service.hub.adopt(service.hub.ctx.users, Configured(("pbx2",), named=True))
        service.links = {"pbx2": service.links["pbx2"]}
        assert 'server="pbx1"' not in text_of(service)
