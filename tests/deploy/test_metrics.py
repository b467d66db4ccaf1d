"""The guide's pages on metrics and control, and the alerts, name exactly the existing metrics."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from amiproxy.core.model.users import User
from amiproxy.net.admin.control import COMMANDS
from amiproxy.net.admin.metrics import ServiceCollector, known
from tests.support.fleets import AGENT, EDGE, FakeFleet
from tests.support.live_service import LiveService
from tests.support.requirements import give_up

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/ami-proxy.rules.yml"
PAGE = (DEPLOY / "metrics.md").read_text()
GUIDE = (DEPLOY / "README.md").read_text()
CONTROL = (DEPLOY / "control.md").read_text()
DASHBOARD = json.loads((DEPLOY / "grafana/ami-proxy.json").read_text())
#: Width of Grafana's grid, and those of its units that the panels use.
_COLUMNS = 24
_UNITS = {"short", "cps", "s", "bytes", "percentunit", "dateTimeFromNow"}
#: The labels of each metric, as the page has them.
LABELS = {
    name: set(filter(None, labels.split(", "))) - {"histogram"}
    for name, labels in re.findall(r"^\| `(amiproxy_\w+)` \| ([a-z_, ]*?) *\|", PAGE, re.MULTILINE)
}
ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]


@pytest.fixture
async def exposition(tmp_path: Path) -> str:
    """The metrics of a proxy as an edge and as an agent of a fleet, which include those of one on its own."""
    service = LiveService(tmp_path, User("u", secret="plain:x"))
    texts = []
    for says in (EDGE, AGENT):
        service.fleet = FakeFleet(says)
        registry = CollectorRegistry()
        registry.register(ServiceCollector(service))
        texts.append(generate_latest(registry).decode())
    return "".join(texts)


@pytest.fixture
async def metrics(exposition: str) -> set[str]:
    """The existing names, as documented: a histogram by its base name."""
    return set(re.findall(r"^# TYPE (\S+) ", exposition, re.MULTILINE))


async def test_the_page_explains_exactly_the_existing_metrics(metrics: set[str]) -> None:
    assert set(LABELS) == metrics


async def test_the_page_has_the_labels_of_each_metric(exposition: str) -> None:
    for name, labels in re.findall(r"^(amiproxy_\w+){(.*)} ", exposition, re.MULTILINE):
        metric = name if name in LABELS else name.rpartition("_")[0]
        assert set(re.findall(r'(\w+)="', labels)) - {"le"} == LABELS[metric], name


def test_the_reasons_that_the_guide_explains_are_known_beforehand() -> None:
    """So that their counters exist from the start."""
    paragraph = GUIDE.partition("Reasons of `session-close`:")[2].partition("\n\n")[0].replace("\n", " ")
    explained = set(re.findall(r"`([^`]+)`", paragraph)) - {"ctl"}
    assert len(explained) > 15
    assert explained <= set(known.CLOSES)


async def test_alerts_use_only_existing_metrics(metrics: set[str]) -> None:
    known = metrics | {f"{name}_{part}" for name in metrics for part in ("bucket", "count", "sum")}
    for alert in ALERTS:
        assert set(re.findall(r"amiproxy_\w+", alert["expr"])) <= known, alert["alert"]


async def test_the_dashboard_uses_only_existing_metrics(metrics: set[str]) -> None:
    known = metrics | {f"{name}_bucket" for name in metrics}
    panels = DASHBOARD["panels"]
    assert panels
    for panel in panels:
        for target in panel["targets"]:
            names = set(re.findall(r"amiproxy_\w+", target["expr"]))
            assert names, panel["title"]
            assert names <= known, panel["title"]


def test_the_dashboard_can_be_imported_and_every_panel_is_seen() -> None:
    """Grafana's rules for a dashboard, as far as they can be checked without it."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    variables = {f"${variable['name']}" for variable in DASHBOARD["templating"]["list"]}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        title, place = panel["title"], panel["gridPos"]
        assert panel["description"], title
        assert panel["type"] in {"stat", "timeseries"}, title
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, title
        assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS, title
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < _COLUMNS, title
        assert not cells & taken, f"{title} covers another panel"
        taken |= cells
        targets = panel["targets"]
        assert [target["refId"] for target in targets] == list("ABCD"[: len(targets)]), title
        for target in targets:
            used = set(re.findall(r"\$\w+", target["expr"])) - {"$__rate_interval"}
            assert used - {"$server"} == variables - {"$datasource", "$server"}, title
            names = re.findall(r"(amiproxy_\w+?)(?:_bucket)?{", target["expr"])
            assert ("$server" in used) <= all("server" in LABELS[name] for name in names), title
            grouped = re.search(r"\bby \(([^)]*)\)", target["expr"])
            labels = set(grouped[1].split(", ")) - {"le"} if grouped else set()
            shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert shown == labels, f"{title}: the legend must tell its lines apart"


def test_promql_of_the_dashboard_parses(tmp_path: Path) -> None:
    tool = which("promtool")
    if tool is None:
        give_up("TOOLS", "Debian's package prometheus, which has promtool, is not installed")
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    rules = [
        {"record": f"r{number}", "expr": expr.replace("$__rate_interval", "5m")}
        for number, expr in enumerate(expressions)
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    command = [tool, "check", "rules", str(tmp_path / "rules.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_explains_each_alert() -> None:
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == [alert["alert"] for alert in ALERTS]
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"]


def test_promtool_accepts_the_rules() -> None:
    tool = which("promtool")
    if tool is None:
        give_up("TOOLS", "Debian's package prometheus, which has promtool, is not installed")
    done = subprocess.run([tool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_on_control_shows_every_command() -> None:
    shown = set(re.findall(r"^\$ ami-proxy ctl ([a-z-]+(?: reload)?)", CONTROL, re.MULTILINE))
    verbs = {"certs reload" if name == "certs-reload" else name for name in COMMANDS} - {"commands"}
    verbs -= {"learn-start", "learn-stop"}  # arguments of the verb learn
    verbs -= {"configuration", "rehearse"}  # for `ami-proxy check --against-running`
    assert verbs | {"top"} == shown
