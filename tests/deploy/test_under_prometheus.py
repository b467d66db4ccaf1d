"""Dashboard and alerts with a real Prometheus, while everything happens that they show."""

import asyncio
import json
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support.ami_client import AmiClient
from tests.support.http_doors import add_listener, upgrade
from tests.support.http_stream import HttpStream
from tests.support.ports import free_port
from tests.support.prometheus import Prometheus
from tests.support.service import SECRET, Service, hashed
from tests.support.tls_peer import TlsPeer

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = (DEPLOY / "prometheus/ami-proxy.rules.yml").read_text()
DASHBOARD = json.loads((DEPLOY / "grafana/ami-proxy.json").read_text())

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

#: All addresses of loopback have limits here, and what takes minutes by default takes seconds.
LIMITS: dict[str, Any] = {
    "exempt": [],
    "sessions_per_user": 100,
    "unauthenticated_per_address": 100,
    "penalty": 2,
    "penalty_max": 2,
    "originate_rate": 1,
    "originate_burst": 1,
    "action_timeout": 3,
    "ping_interval": 2,
    "stall_timeout": 5,
    "reconnect_min": 0.1,
    "reconnect_max": 0.2,
    "outbox_soft": 65536,
    "outbox_hard": 262144,
    # Bytes must still wait for the slow client when Prometheus looks, however busy the machine is.
    "outbox_stall": 120,
    "upstream_lost_spread": 0.5,
}
SECRETS = {"wall": "hung", "desk": "sat", "slow": "late", "stuck": "glue", "board": "web"}
USERS: dict[str, dict[str, Any]] = {
    "wall": {"read": ["call", "dialplan"], "eventfilter": ["!Event: Newstate"], "history": True},
    "desk": {"read": ["call"], "write": ["call", "originate", "reporting"]},
    "slow": {"read": ["dialplan"], "slow_consumer": "drop_events"},
    "stuck": {"read": ["dialplan"], "slow_consumer": "close"},
    "board": {"read": ["call"], "doors": ["ws"]},
}
#: A guesser of its own address, so that a penalty concerns nobody else.
GUESSER = "127.0.0.2"
#: Durations of the rules, and those in which what they wait for can happen in a test.
_SHORTENED = {
    "for": {"1m": "1s", "4m": "2s", "5m": "2s", "10m": "3s", "15m": "4s"},
    "window": {
        "5m": "5s",
        "10m": "6s",
        "15m": "8s",
        "30m": "12s",
        "1h": "8s",
        "90m": "12s",
        "2h": "15s",
        "6h": "15s",
    },
}


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[tuple[Simulator, Service, str]]:
    """A service with metrics before a simulator with calls; the address of its metrics."""
    metrics = f"127.0.0.1:{free_port()}"
    users = {name: {**keys, "secret": hashed(SECRETS[name])} for name, keys in USERS.items()}
    async with Simulator([User("proxy", SECRET)], Settings(calls_per_minute=300)) as simulator:
        (directory / "proxy").mkdir()
        upstream = ("127.0.0.1", simulator.port, "proxy", SECRET)
        service = Service(directory / "proxy", upstream, users, limits=LIMITS, metrics={"address": metrics})
        add_listener(service, f"127.0.0.1:{free_port()}")
        try:
            await service.start_up()
            await service.linked()
            yield simulator, service, metrics
        finally:
            service.kill()


async def logged_in(service: Service, user: str, **headers: str) -> AmiClient:
    client = await service.connect()
    answer = await client.login(user, SECRETS[user], **headers)
    assert answer.get("Message") == "Authentication accepted", answer
    return client


async def guess(service: Service) -> None:
    """Fail once more than is forgiven: all at once, as each answer takes a second."""
    clients = [await service.connect(GUESSER) for _ in range(7)]
    for client in clients:
        client.send("Login", Username="desk", Secret="guessed")
    for client in clients:
        await client.ended()


async def _flood_slow_clients(service: Service, simulator: Simulator, stack: AsyncExitStack) -> None:
    """One client misses events, another is closed, and bytes wait for both."""
    for user in ("slow", "stuck"):
        peer = await stack.enter_async_context(
            TlsPeer.to(("127.0.0.1", service.port), service.context, receive_buffer=4096)
        )
        await peer.handshake()
        await peer.send(f"Action: Login\r\nUsername: {user}\r\nSecret: {SECRETS[user]}\r\n\r\n".encode())
        await service.said(f"user={user}")
    while 'reason="slow consumer"' not in service.stderr:
        await simulator.storm(per_second=5000, total=1000)


async def _act(desk: AmiClient) -> None:
    """Actions that succeed, fail, are answered by the proxy, are denied, and wait for their rate."""
    for _ in range(5):
        await desk.action("CoreStatus")
        await desk.action("Ping")
        assert (await desk.action("Command", Command="core show uptime")).get("Response") == "Error"
        assert (await desk.action("Hangup", Channel="PJSIP/nobody-00000001")).get("Response") == "Error"
    for _ in range(3):
        desk.send(
            "Originate", Channel="PJSIP/alice", Context="internal", Exten="100", Priority="1", Async="true"
        )


async def _come_back(service: Service) -> None:
    """A client takes a snapshot, and another one goes on from there."""
    async with await logged_in(service, "wall", Events="off") as board:
        board.send("ProxySnapshot", ActionID="picture", Kinds="channels")
        complete = await board.wait_event("ProxySnapshotComplete")
    token = complete.get("Sequence")
    assert token is not None
    async with await logged_in(service, "wall", Events="off") as board:
        assert (await board.action("ProxyResume", From=token)).get("Response") == "Success"


async def _ask_by_http(service: Service, stack: AsyncExitStack) -> None:
    """A request that is answered, one for nothing, and a WebSocket that stays open."""
    [_, listener] = yaml.safe_load(service.config.read_text())["listeners"]
    port = int(listener["address"].rpartition(":")[2])
    stream = await HttpStream.connect(port, service.context)
    assert (await stream.ask("GET", "/livez")).status == 200
    assert (await stream.ask("GET", "/nothing")).status == 404
    stream.close()
    peer = await stack.enter_async_context(TlsPeer.to(("127.0.0.1", port), service.context))
    await peer.handshake()
    await peer.send(upgrade("board", "/ws?kinds=channels", SECRETS["board"]))
    assert (await peer.record()).startswith(b"HTTP/1.1 101 ")


async def _lose_the_link(service: Service, simulator: Simulator, desks: list[AmiClient]) -> None:
    """Asterisk hangs: actions wait for a place on the link, time out, and the link is given up."""
    simulator.faults.stall()
    for desk in desks:
        desk.send("CoreStatus")
    await service.said(" upstream-down ")
    simulator.faults.resume()
    await service.linked(2)


def _shown(expression: str, job: str) -> str:
    """A query of the dashboard as Grafana sends it, with All instances chosen."""
    [all_servers] = [one["allValue"] for one in DASHBOARD["templating"]["list"] if one["name"] == "server"]
    given = {"$job": job, "$instance": ".*", "$server": all_servers, "$__rate_interval": "4s"}
    for name, value in given.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


async def test_every_query_of_the_dashboard_shows_what_happens(tmp_path: Path) -> None:
    began = time.time()
    async with (
        AsyncExitStack() as stack,
        running(tmp_path) as (simulator, service, metrics),
        Prometheus(tmp_path / "prometheus", metrics) as prometheus,
    ):
        await prometheus.until_true("amiproxy_link_up == 1")
        [job] = await prometheus.label("job", "amiproxy_build_info")
        assert await prometheus.label("instance", f'amiproxy_build_info{{job="{job}"}}') == [metrics]
        desks = [await stack.enter_async_context(await logged_in(service, "desk")) for _ in range(40)]
        await stack.enter_async_context(await logged_in(service, "wall"))
        await guess(service)
        with socket.create_connection(("127.0.0.1", service.port)) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("localhost", service.port, ssl=ssl.create_default_context())
        await _act(desks[0])
        # The first denial of an action is in the sum of its user only, because its own series begins with it.
        await prometheus.until_true('amiproxy_actions_total{result="denied",user="desk"} > 0')
        await _act(desks[0])
        await _come_back(service)
        await _ask_by_http(service, stack)
        await prometheus.until_true('amiproxy_resumes_total{outcome="resumed"} > 0')
        await prometheus.until_true('amiproxy_limit_hits_total{limit="originate_rate"} > 0')
        await _flood_slow_clients(service, simulator, stack)
        await prometheus.until_true("amiproxy_outbox_bytes > 0")
        await _lose_the_link(service, simulator, desks)
        await prometheus.until_true('increase(amiproxy_link_loss_sessions_total{outcome="closed"}[4s]) > 0')
        await prometheus.until_true("increase(amiproxy_link_losses_total[4s]) > 0")
        await prometheus.until_true('increase(amiproxy_session_closes_total{reason="upstream lost"}[4s]) > 0')
        ended = time.time() + 1
        nothing: dict[str, object] = {}
        seen: dict[str, set[tuple[str, ...]]] = {}
        for panel in DASHBOARD["panels"]:
            for target in panel["targets"]:
                query = _shown(target["expr"], job)
                if "amiproxy_fleet_" in query:
                    continue  # this service is in no fleet; test_metrics.py compares the names
                found = await prometheus.history(query, began, ended)
                name = f"{panel['title']} {target['refId']}"
                if not any(value > 0 for _, values in found for value in values):
                    nothing[name] = found
                seen[name] = {
                    tuple(labels.values()) for labels, values in found if any(value > 0 for value in values)
                }
                for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                    assert all(label in labels for labels, _ in found), name
    assert nothing == {}
    assert ("wrong secret",) in seen["Logins B"]
    assert ("http request",) in seen["Handshakes B"]
    # Some versions of Python's asyncio send no alert, and on a busy machine their end may be seen first.
    endings = "tlsv1 alert unknown ca", "closed during the handshake", "closed before the handshake"
    assert seen["Handshakes B"] & {(ending,) for ending in endings}
    assert ("desk",) in seen["Denied actions A"]
    assert seen["Snapshots and resumes A"] == {("complete",)}
    assert seen["Snapshots and resumes B"] == {("resumed",)}
    assert {("login_failure_burst",), ("originate_rate",), ("action_timeout",)} <= seen["Limits reached A"]
    assert ("stuck",) in seen["Limits reached B"]
    assert {("success",), ("error",), ("local",), ("denied",)} <= seen["Actions by result A"]
    assert {("slow consumer",), ("login failed",), ("upstream lost",)} <= seen["Ended sessions A"]


def _shortened(rules: str) -> str:
    """The rules with seconds for minutes; a duration without a replacement is an error."""

    def window(found: re.Match[str]) -> str:
        return f"[{_SHORTENED['window'][found[1]]}]"

    def waiting(found: re.Match[str]) -> str:
        return f"{found[1]}{_SHORTENED['for'][found[2]]}"

    return re.sub(r"(?m)^( +for: )(\w+)$", waiting, re.sub(r"\[(\w+)\]", window, rules))


async def test_alerts_fire_and_are_resolved(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as (simulator, service, metrics),
        Prometheus(tmp_path / "prometheus", metrics, _shortened(RULES)) as prometheus,
    ):
        await prometheus.until_true("amiproxy_link_up == 1")
        await prometheus.until_resolved("AmiProxyLinkDown")
        assert not {"AmiProxyLoginFailures", "AmiProxyGuessing"} & await prometheus.firing()

        # The first failures of the process: increase() must count them.
        await guess(service)
        await prometheus.until_firing("AmiProxyLoginFailures", "AmiProxyGuessing")

        port = simulator.port
        await simulator.stop()
        await prometheus.until_firing("AmiProxyLinkDown")
        async with Simulator([User("proxy", SECRET)]) as restarted:
            await restarted.stop()
            await restarted.start(port=port)
            await prometheus.until_resolved("AmiProxyLinkDown", "AmiProxyLoginFailures", "AmiProxyGuessing")

        service.kill()
        await prometheus.until_firing("AmiProxyDown")


async def test_an_alert_names_the_server_that_is_down_and_only_that(tmp_path: Path) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    users = {"wall": {**USERS["wall"], "secret": hashed(SECRETS["wall"]), "servers": ["*"]}}
    shared = {"host": "127.0.0.1", "username": "proxy", "secret_file": "upstream.secret"}
    (tmp_path / "proxy").mkdir()
    async with (
        Simulator([User("proxy", SECRET)], Settings(calls_per_minute=300)) as one,
        Simulator([User("proxy", SECRET)], Settings(calls_per_minute=300, seed=2)) as two,
    ):
        servers = {"pbx1": {**shared, "port": one.port}, "pbx2": {**shared, "port": two.port}}
        service = Service(
            tmp_path / "proxy",
            ("", 0, "", SECRET),
            users,
            limits=LIMITS,
            metrics={"address": metrics},
            servers=servers,
        )
        try:
            await service.start_up()
            await service.linked(2)
            async with (
                Prometheus(tmp_path / "prometheus", metrics, _shortened(RULES)) as prometheus,
                await logged_in(service, "wall"),
            ):
                await prometheus.until_true("count(amiproxy_link_up == 1) == 2")
                await prometheus.until_true('rate(amiproxy_events_total{server="pbx2",class="call"}[5s]) > 0')
                await two.stop()
                down = 'ALERTS{alertname="AmiProxyLinkDown",alertstate="firing"}'
                await prometheus.until_true(f'{down[:-1]},server="pbx2"}}')
                assert [labels["server"] for labels, _ in await prometheus.values(down)] == ["pbx2"]
                assert await prometheus.label("server", "amiproxy_link_up") == ["pbx1", "pbx2"]
        finally:
            service.kill()
