"""The alert rules, checked by promtool of Debian 12: they parse, and fire for the right values and no others.

Where a limit of the proxy bounds what can be counted, the values are those that a client under these limits
can cause.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml

from amiproxy.core.model.limits import Limits
from tests.deploy.debian import run_tool

RULES = Path(__file__).parents[2] / "deploy/prometheus/ami-proxy.rules.yml"

pytestmark = [pytest.mark.usefixtures("debian_tools"), pytest.mark.timeout(300)]

_FAILED = 'amiproxy_login_failures_total{reason="wrong secret"}'
_SECONDS = 'amiproxy_asterisk_seconds_total{server="s",link="main",user="u"}'
_SHARE = 'amiproxy_limit_hits_total{limit="link_share"}'
_PENALTIES = 'amiproxy_limit_hits_total{limit="login_failure_burst"}'
_TRIES = 'amiproxy_limit_hits_total{limit="penalty"}'
_UNKNOWN_CA = 'amiproxy_handshake_failures_total{reason="tlsv1 alert unknown ca"}'
_HEALTH_CHECK = 'amiproxy_handshake_failures_total{reason="closed before the handshake"}'
_USER = {"user": "u"}
_SERVER = {"server": "s"}
_LINK_UP = 'amiproxy_link_up{server="s"}'
_OTHER_UP = 'amiproxy_link_up{server="t"}'
_LOSSES = 'amiproxy_link_losses_total{server="s"}'
_TIMEOUTS = 'amiproxy_action_timeouts_total{server="s"}'
_DRIFT = 'amiproxy_state_drift_total{server="s",kind="k"}'
_KNOWN = 'amiproxy_state_known{server="s",kind="k"}'
_SEED_FAILURES = 'amiproxy_state_seed_failures_total{server="s",kind="k"}'
_KIND = {"server": "s", "kind": "k"}
_BERLIN = {"server": "berlin"}
_AGENTS = 'amiproxy_fleet_agents{server="berlin"}'
_AGENTS_UP = 'amiproxy_fleet_agents_up{server="berlin"}'
_LAG = 'amiproxy_fleet_lag_seconds{server="berlin"}'
_SNAPSHOTS = 'amiproxy_fleet_snapshots_total{server="berlin"}'
_DIFFER = 'amiproxy_fleet_rights_differ{server="berlin",agent="berlin-a"}'
_REFUSALS = 'amiproxy_fleet_edge_refusals_total{edge="edge1",reason="expired"}'
_UNKNOWN_OUTCOMES = 'amiproxy_fleet_actions_total{outcome="unknown"}'
_DAY = 24 * 60
_YEAR = 365 * 86400
_SPLIT = (
    "cat > /tmp/both; sed '/^=====$/,$d' /tmp/both > /tmp/rules.yml; "
    "sed '1,/^=====$/d' /tmp/both > /tmp/test.yml; exec promtool test rules /tmp/test.yml"
)
#: The limits that rules compare with, at their defaults.
_LIMITS = {
    f'amiproxy_limit{{limit="{name}"}}': float(value)
    for name, value in msgspec.structs.asdict(Limits()).items()
    if isinstance(value, int | float)
}
_LIMITS['amiproxy_server_limit{server="s",limit="link_share"}'] = Limits().link_share
_BURST = Limits().login_failure_burst


class Case(NamedTuple):
    """Counts or values, one a minute, and the labels of the alert that they cause at the end (None: none)."""

    alert: str
    series: Mapping[str, list[float]]
    fires: Mapping[str, str] | None
    #: What promtool finds at this minute; by default at the last.
    at: int | None = None


def steady(value: float, minutes: int = 30) -> list[float]:
    return [value] * (minutes + 1)


def rising(each: float, minutes: int = 30) -> list[float]:
    return [each * minute for minute in range(minutes + 1)]


def counted(*minutes: int, until: int, each: int = 1) -> list[float]:
    """A counter that exists from the start, and is incremented at these minutes."""
    return [float(sum(each for one in minutes if one <= minute)) for minute in range(until + 1)]


def _journal(held: float, age: float) -> dict[str, list[float]]:
    """A journal of 8 MiB and five minutes that holds these bytes and has this age, in seconds."""
    return {
        'amiproxy_journal_bytes{server="s"}': steady(held),
        'amiproxy_journal_bytes_max{server="s"}': steady(8 << 20),
        'amiproxy_journal_age_seconds{server="s"}': steady(age),
        'amiproxy_journal_seconds_max{server="s"}': steady(300),
    }


def _validity(kind: str, begin: float, end: float) -> dict[str, list[float]]:
    """``begin`` and ``end`` in seconds; promtool's clock begins at 0."""
    first, last = {
        "certificate": ("certificate_not_before", "certificate_not_after"),
        "crl": ("crl_last_update", "crl_next_update"),
    }[kind]
    return {
        f'amiproxy_{first}_seconds{{name="n"}}': steady(begin),
        f'amiproxy_{last}_seconds{{name="n"}}': steady(end),
    }


_NAME = {"name": "n"}
CASES = {
    "no answer": Case("AmiProxyDown", {'up{job="ami-proxy"}': steady(0)}, {"job": "ami-proxy"}),
    "answers": Case("AmiProxyDown", {'up{job="ami-proxy"}': steady(1)}, None),
    "one of two links down": Case("AmiProxyLinkDown", {_LINK_UP: steady(0), _OTHER_UP: steady(1)}, _SERVER),
    "links up": Case("AmiProxyLinkDown", {_LINK_UP: steady(1), _OTHER_UP: steady(1)}, None),
    "link lost every five minutes": Case(
        "AmiProxyLinkUnsteady", {_LOSSES: counted(2, 7, 12, until=14)}, _SERVER
    ),
    "Asterisk restarted twice": Case("AmiProxyLinkUnsteady", {_LOSSES: counted(2, 7, until=15)}, None),
    "certificate of a year, ten days left": Case(
        "AmiProxyCertificateEnds", _validity("certificate", 10 * 86400 - _YEAR, 10 * 86400), _NAME
    ),
    "certificate of a year, twenty days left": Case(
        "AmiProxyCertificateEnds", _validity("certificate", 20 * 86400 - _YEAR, 20 * 86400), None
    ),
    "certificate of six days, three left": Case(
        "AmiProxyCertificateEnds", _validity("certificate", -3 * 86400, 3 * 86400), None
    ),
    "certificate of six days, half a day left": Case(
        "AmiProxyCertificateEnds", _validity("certificate", -5.5 * 86400, 0.5 * 86400), _NAME
    ),
    "certificate of a year, one day left": Case(
        "AmiProxyCertificateEndsSoon", _validity("certificate", 86400 - _YEAR, 86400), _NAME
    ),
    "certificate of a year, ten days left, not soon": Case(
        "AmiProxyCertificateEndsSoon", _validity("certificate", 10 * 86400 - _YEAR, 10 * 86400), None
    ),
    "certificate of six days, one left": Case(
        "AmiProxyCertificateEndsSoon", _validity("certificate", -5 * 86400, 86400), None
    ),
    "client CA, ten days left": Case(
        "AmiProxyClientCaEnds", {'amiproxy_client_ca_not_after_seconds{name="n"}': steady(864_000)}, _NAME
    ),
    "client CA, twenty days left": Case(
        "AmiProxyClientCaEnds", {'amiproxy_client_ca_not_after_seconds{name="n"}': steady(1_728_000)}, None
    ),
    "list of a month, half a day left": Case(
        "AmiProxyRevocationListEnds", _validity("crl", -30 * 86400, 43200), _NAME
    ),
    "list of a month, two days left": Case(
        "AmiProxyRevocationListEnds", _validity("crl", -28 * 86400, 172_800), None
    ),
    "list of a day, half of it left": Case(
        "AmiProxyRevocationListEnds", _validity("crl", -43200, 43200), None
    ),
    "list of a day, two hours left": Case(
        "AmiProxyRevocationListEnds", _validity("crl", -79200, 7200), _NAME
    ),
    "reload refused": Case("AmiProxyReloadRefused", {"amiproxy_config_ok": steady(0)}, {}),
    "reload applied": Case("AmiProxyReloadRefused", {"amiproxy_config_ok": steady(1)}, None),
    # A state, not an event: it must last as long as the files are unchanged.
    "certificate files refused": Case(
        "AmiProxyCertificatesRefused",
        {'amiproxy_certificate_files_refused{listener="l"}': steady(1, 180)},
        {"listener": "l"},
    ),
    "certificate files served": Case(
        "AmiProxyCertificatesRefused",
        {'amiproxy_certificate_files_refused{listener="l"}': steady(0, 180)},
        None,
    ),
    # A guesser with the longest penalty, 15 minutes, gets burst + 1 guesses in that time.
    "guesser under penalties": Case(
        "AmiProxyGuessing",
        {_PENALTIES: counted(5, 21, 37, until=60), _TRIES: steady(0, 60)},
        {},
    ),
    "guesser under penalties, by its failures": Case(
        "AmiProxyLoginFailures", {_FAILED: counted(5, 21, 37, until=60, each=_BURST + 1)}, {}
    ),
    "one burst": Case("AmiProxyGuessing", {_PENALTIES: counted(4, until=5), _TRIES: steady(0, 5)}, {}),
    "one burst, long ago": Case(
        "AmiProxyGuessing", {_PENALTIES: counted(4, until=60), _TRIES: counted(5, 6, until=60)}, None
    ),
    "tries during a penalty": Case(
        "AmiProxyGuessing",
        {_PENALTIES: counted(1, until=60), _TRIES: [float(3 * minute) for minute in range(61)]},
        {},
    ),
    # From an exempt address, or from so many that none has a penalty.
    "one burst without a penalty": Case(
        "AmiProxyLoginFailures", {_FAILED: counted(4, until=5, each=_BURST + 1)}, {}
    ),
    "first failures, as many as are forgiven": Case(
        "AmiProxyLoginFailures", {_FAILED: counted(4, until=5, each=_BURST)}, None
    ),
    # One guess in ten minutes never gets a penalty; nor does a job that runs every hour with an old secret.
    "slow guesser": Case("AmiProxyLoginFailures", {_FAILED: counted(*range(5, 71, 10), until=70)}, {}),
    "client with an old secret, every hour": Case(
        "AmiProxyLoginFailures", {_FAILED: counted(*range(5, 480, 60), until=480)}, {}
    ),
    "client whose secret was corrected two hours ago": Case(
        "AmiProxyLoginFailures", {_FAILED: counted(*range(5, 240, 20), until=360)}, None
    ),
    "a wrong secret now and then": Case(
        "AmiProxyLoginFailures", {_FAILED: counted(*range(60, _DAY, 240), until=_DAY)}, None
    ),
    "sessions that are not yet detected as dead": Case(
        "AmiProxyLoginFailures",
        {'amiproxy_login_failures_total{reason="already logged in"}': rising(5)},
        None,
    ),
    "denied every five minutes": Case(
        "AmiProxyActionsDenied",
        {'amiproxy_actions_denied_total{user="u"}': counted(*range(2, 60, 5), until=60)},
        _USER,
    ),
    "denied a few times": Case(
        "AmiProxyActionsDenied",
        {'amiproxy_actions_denied_total{user="u"}': counted(*range(2, 60, 10), until=60)},
        None,
    ),
    "scanner before login": Case(
        "AmiProxyActionsDenied", {'amiproxy_actions_denied_total{user=""}': rising(60)}, None
    ),
    # An address can cause 20 a second before connection_rate refuses it.
    "flood of handshakes": Case("AmiProxyHandshakeFailures", {_HEALTH_CHECK: rising(20 * 60)}, {}),
    "health check every second": Case("AmiProxyHandshakeFailures", {_HEALTH_CHECK: rising(60)}, None),
    "client that does not trust us": Case(
        "AmiProxyTlsRefused",
        {_UNKNOWN_CA: counted(*range(5, 40, 3), until=40)},
        {"reason": "tlsv1 alert unknown ca"},
    ),
    "client that does not trust us and does not say so": Case(
        "AmiProxyTlsRefused",
        {
            'amiproxy_handshake_failures_total{reason="closed during the handshake"}': counted(
                *range(5, 40, 3), until=40
            )
        },
        {"reason": "closed during the handshake"},
    ),
    "one scan": Case("AmiProxyTlsRefused", {_UNKNOWN_CA: counted(2, until=15, each=50)}, None, at=14),
    "health check": Case("AmiProxyTlsRefused", {_HEALTH_CHECK: rising(60)}, None),
    "closed every quarter of an hour": Case(
        "AmiProxySlowConsumers",
        {'amiproxy_slow_consumers_total{user="u"}': counted(5, 20, until=30)},
        _USER,
    ),
    "closed once": Case(
        "AmiProxySlowConsumers", {'amiproxy_slow_consumers_total{user="u"}': counted(5, until=30)}, None
    ),
    "outboxes two thirds full": Case("AmiProxyOutboxesFull", {"amiproxy_outbox_bytes": steady(44 << 20)}, {}),
    "outboxes a quarter full": Case(
        "AmiProxyOutboxesFull", {"amiproxy_outbox_bytes": steady(16 << 20)}, None
    ),
    # With default limits there are at most 512 sessions, and 128 other connections.
    "sessions at their limit": Case(
        "AmiProxyNearLimit",
        {
            'amiproxy_connections{state="authenticated"}': steady(500),
            'amiproxy_connections{state="unauthenticated"}': steady(3),
        },
        {},
    ),
    "sessions at half of it": Case(
        "AmiProxyNearLimit",
        {
            'amiproxy_connections{state="authenticated"}': steady(256),
            'amiproxy_connections{state="unauthenticated"}': steady(128),
        },
        None,
    ),
    "connections at their limit": Case(
        "AmiProxyNearLimit",
        {
            'amiproxy_connections{state="authenticated"}': steady(450),
            'amiproxy_connections{state="unauthenticated"}': steady(500),
        },
        {},
    ),
    "refused for their number": Case(
        "AmiProxyClientsRefused",
        {'amiproxy_limit_hits_total{limit="sessions_per_user"}': counted(2, 5, 8, until=14)},
        {"limit": "sessions_per_user"},
    ),
    "refused once": Case(
        "AmiProxyClientsRefused",
        {'amiproxy_limit_hits_total{limit="sessions_per_user"}': counted(2, until=14)},
        None,
    ),
    "paused for their rate": Case(
        "AmiProxyClientsRefused", {'amiproxy_limit_hits_total{limit="action_rate"}': rising(10)}, None
    ),
    "a timeout every ten minutes": Case(
        "AmiProxyActionTimeouts", {_TIMEOUTS: counted(5, 15, 25, until=29)}, _SERVER
    ),
    "one timeout": Case("AmiProxyActionTimeouts", {_TIMEOUTS: counted(5, until=29)}, None),
    # While others ask too, link_share lets a user have a fifth of the time.
    "user at its share": Case(
        "AmiProxyUserTakesAsterisk",
        {_SECONDS: rising(12), _SHARE: rising(30)},
        {"link": "main", **_USER, **_SERVER},
    ),
    "user alone on the link": Case(
        "AmiProxyUserTakesAsterisk", {_SECONDS: rising(30), _SHARE: steady(0)}, None
    ),
    "user within its share": Case(
        "AmiProxyUserTakesAsterisk", {_SECONDS: rising(6), _SHARE: rising(30)}, None
    ),
    "link never idle": Case(
        "AmiProxyLinkBusy",
        {_SECONDS: rising(28), _SECONDS.replace('"u"', '"v"'): rising(30)},
        {"link": "main", **_SERVER},
    ),
    "link half idle": Case("AmiProxyLinkBusy", {_SECONDS: rising(30)}, None),
    "journal full after half a minute": Case("AmiProxyHistoryShort", _journal(8 << 20, 30.0), _SERVER),
    "journal full after two minutes": Case("AmiProxyHistoryShort", _journal(8 << 20, 120.0), None),
    "journal with little in it since a lost link": Case(
        "AmiProxyHistoryShort", _journal(1 << 16, 30.0), None
    ),
    "drift after an hour": Case("AmiProxyStateDrift", {_DRIFT: counted(60, until=90)}, _KIND),
    "no drift": Case("AmiProxyStateDrift", {_DRIFT: steady(0, 180)}, None),
    "lists that cannot be read": Case(
        "AmiProxyStateUnknown", {_KNOWN: steady(0), _SEED_FAILURES: rising(1)}, _KIND
    ),
    "a module that Asterisk does not have": Case(
        "AmiProxyStateUnknown", {_KNOWN: steady(0), _SEED_FAILURES: steady(0)}, None
    ),
    "lists that were read in the end": Case(
        "AmiProxyStateUnknown", {_KNOWN: steady(1), _SEED_FAILURES: counted(2, 3, 5, until=14)}, None
    ),
    "a tenth of the ticks late": Case(
        "AmiProxyLoopLate",
        {
            "amiproxy_loop_lag_seconds_count": rising(60),
            'amiproxy_loop_lag_seconds_bucket{le="0.25"}': rising(54),
        },
        {},
    ),
    "ticks in time": Case(
        "AmiProxyLoopLate",
        {
            "amiproxy_loop_lag_seconds_count": rising(60),
            'amiproxy_loop_lag_seconds_bucket{le="0.25"}': rising(59),
        },
        None,
    ),
    "no engine": Case(
        "AmiProxyFleetEngineDown",
        {
            'amiproxy_fleet_engine_up{connection="events"}': steady(0),
            'amiproxy_fleet_engine_up{connection="actions"}': steady(1),
        },
        {"connection": "events"},
    ),
    "an engine": Case(
        "AmiProxyFleetEngineDown", {'amiproxy_fleet_engine_up{connection="events"}': steady(1)}, None
    ),
    "one of two agents": Case(
        "AmiProxyFleetAgentMissing", {_AGENTS: steady(2), _AGENTS_UP: steady(1)}, _BERLIN
    ),
    "both agents": Case("AmiProxyFleetAgentMissing", {_AGENTS: steady(2), _AGENTS_UP: steady(2)}, None),
    # Another alert says that the server is not connected.
    "no agent at all": Case("AmiProxyFleetAgentMissing", {_AGENTS: steady(1), _AGENTS_UP: steady(0)}, None),
    "two seconds late": Case("AmiProxyFleetLate", {_LAG: steady(2)}, _BERLIN),
    "late for a minute": Case("AmiProxyFleetLate", {_LAG: [*steady(0.01, 28), 2, 2]}, None),
    "agents that change every ten minutes": Case(
        "AmiProxyFleetSnapshots", {_SNAPSHOTS: counted(5, 15, 25, 35, until=50)}, _BERLIN
    ),
    "an upgrade of Asterisk and two agents": Case(
        "AmiProxyFleetSnapshots", {_SNAPSHOTS: counted(5, 15, 25, until=50)}, None
    ),
    "an agent with old users": Case(
        "AmiProxyFleetRightsDiffer", {_DIFFER: steady(1)}, {**_BERLIN, "agent": "berlin-a"}
    ),
    "users that are distributed within three minutes": Case(
        "AmiProxyFleetRightsDiffer", {_DIFFER: [*steady(0), 1, 1, 1, 0]}, None, at=33
    ),
    "requests refused": Case(
        "AmiProxyFleetRefusals",
        {_REFUSALS: counted(2, 6, 12, until=14)},
        {"edge": "edge1", "reason": "expired"},
    ),
    "two requests refused": Case("AmiProxyFleetRefusals", {_REFUSALS: counted(2, 6, until=14)}, None),
    "outcomes unknown": Case(
        "AmiProxyFleetOutcomesUnknown",
        {_UNKNOWN_OUTCOMES: counted(5, 15, 25, until=29)},
        {"outcome": "unknown"},
    ),
    "one outcome unknown": Case(
        "AmiProxyFleetOutcomesUnknown", {_UNKNOWN_OUTCOMES: counted(5, until=29)}, None
    ),
}


def _rules() -> dict[str, Any]:
    """Without their texts: only whether they fire matters here."""
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]
    return rules


def _judged(rules: Mapping[str, Any], tests: list[dict[str, Any]]) -> None:
    both = f"{yaml.safe_dump(rules)}\n=====\n{yaml.safe_dump({'rule_files': ['rules.yml'], 'tests': tests})}"
    judged = run_tool("sh", "-c", _SPLIT, stdin=both.encode())
    assert judged.returncode == 0, judged.stdout.decode() + judged.stderr.decode()


def test_the_rules_parse() -> None:
    script = "cat > /tmp/rules.yml; exec promtool check rules /tmp/rules.yml"
    checked = run_tool("sh", "-c", script, stdin=RULES.read_bytes())
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    alerts = {rule["alert"] for group in _rules()["groups"] for rule in group["rules"]}
    assert {case.alert for case in CASES.values() if case.fires is not None} == alerts
    assert {case.alert for case in CASES.values() if case.fires is None} == alerts


@pytest.mark.parametrize("alert", sorted({case.alert for case in CASES.values()}))
def test_an_alert_fires_when_it_should_and_only_then(alert: str) -> None:
    rules = _rules()
    severity = {
        rule["alert"]: rule["labels"]["severity"] for group in rules["groups"] for rule in group["rules"]
    }
    tests = []
    for name, case in CASES.items():
        if case.alert != alert:
            continue
        length = max(map(len, case.series.values()))
        values = {**{name: [value] * length for name, value in _LIMITS.items()}, **case.series}
        expected = [] if case.fires is None else [{"exp_labels": {"severity": severity[alert], **case.fires}}]
        tests.append(
            {
                "name": name,
                "interval": "1m",
                "input_series": [
                    {"series": series, "values": " ".join(f"{value:g}" for value in given)}
                    for series, given in values.items()
                ],
                "alert_rule_test": [
                    {
                        "alertname": alert,
                        "eval_time": f"{length - 1 if case.at is None else case.at}m",
                        "exp_alerts": expected,
                    }
                ],
            }
        )
    _judged(rules, tests)
