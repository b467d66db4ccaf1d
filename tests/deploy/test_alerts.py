"""The alert rules, checked by promtool of Debian 12: they parse, and fire for the right values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.debian import run_tool

RULES = Path(__file__).parents[2] / "deploy/prometheus/ami-proxy.rules.yml"

pytestmark = [pytest.mark.usefixtures("debian_tools"), pytest.mark.timeout(300)]

_SECONDS = "amiproxy_asterisk_seconds_total"
_END = "amiproxy_certificate_not_after_seconds"
_SPLIT = (
    "cat > /tmp/both; sed '/^=====$/,$d' /tmp/both > /tmp/rules.yml; "
    "sed '1,/^=====$/d' /tmp/both > /tmp/test.yml; exec promtool test rules /tmp/test.yml"
)


def test_the_rules_parse() -> None:
    script = "cat > /tmp/rules.yml; exec promtool check rules /tmp/rules.yml"
    checked = run_tool("sh", "-c", script, stdin=RULES.read_bytes())
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("alert", "labels", "quiet", "firing"),
    [
        ("AmiProxyDown", 'up{job="ami-proxy"}', "1x15", "0x15"),
        ("AmiProxyLinkDown", "amiproxy_link_up", "1x15", "0x15"),
        ("AmiProxyReloadRefused", "amiproxy_config_ok", "1x15", "0x15"),
        # Days before the end; promtool's clock begins at 0.
        ("AmiProxyCertificateEnds", f'{_END}{{name="n"}}', "1728000x15", "864000x15"),
        ("AmiProxyCertificateEndsSoon", f'{_END}{{name="n"}}', "864000x15", "86400x15"),
        ("AmiProxyClientCaEnds", 'amiproxy_client_ca_not_after_seconds{name="n"}', "1728000x15", "864000x15"),
        ("AmiProxyRevocationListEnds", 'amiproxy_crl_next_update_seconds{name="n"}', "172800x15", "43200x15"),
        # A state, not an event: it must last as long as the files are unchanged.
        ("AmiProxyCertificatesRefused", 'amiproxy_certificate_files_refused{listener="l"}', "0x180", "1x180"),
        ("AmiProxyLinkUnsteady", "amiproxy_link_losses_total", "0x15", "0+1x15"),
        ("AmiProxyUserTakesAsterisk", f'{_SECONDS}{{link="main",user="u"}}', "0+6x15", "0+48x15"),
        ("AmiProxyLoginFailures", 'amiproxy_login_failures_total{reason="r"}', "0+1x15", "0+600x15"),
    ],
)  # fmt: skip
def test_an_alert_fires_when_it_should(alert: str, labels: str, quiet: str, firing: str) -> None:
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    for values, count in ((quiet, 0), (firing, 1)):
        [rule] = [rule for group in rules["groups"] for rule in group["rules"] if rule["alert"] == alert]
        # Only whether it fires: the texts do not matter here.
        rule.pop("annotations", None)
        kept = {
            name.split("=")[0]: name.split('"')[1]
            for name in labels.partition("{")[2][:-1].split(",")
            if name
        }
        kept.pop("reason", None)
        minutes = 15 if "x15" in values else 180
        expected = [{"exp_labels": {**rule["labels"], **kept}}] * count
        series = [{"series": labels, "values": values}]
        test = {"alertname": alert, "eval_time": f"{minutes}m", "exp_alerts": expected}
        tests = [{"interval": "1m", "input_series": series, "alert_rule_test": [test]}]
        both = (
            f"{yaml.safe_dump(rules)}\n=====\n{yaml.safe_dump({'rule_files': ['rules.yml'], 'tests': tests})}"
        )
        judged = run_tool("sh", "-c", _SPLIT, stdin=both.encode())
        assert judged.returncode == 0, judged.stdout.decode() + judged.stderr.decode()
