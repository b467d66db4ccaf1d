"""The page on the fleet agrees with the code."""

import re
from pathlib import Path
from typing import Any

import yaml

from amiproxy.core.fleet import repair
from amiproxy.core.fleet.desk import REFUSALS
from amiproxy.core.fleet.requests import generations, ownqueries, seen
from amiproxy.core.servers.answers import failures
from amiproxy.tools.fleet.plan import FleetPlan, load_plan
from amiproxy.tools.fleet.sections import section

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGE = (DEPLOY / "fleet.md").read_text()


def test_it_explains_every_reason_for_which_an_agent_refuses() -> None:
    table = PAGE.partition("### What an agent refuses")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE) == list(REFUSALS)


def test_it_has_every_text_that_leaves_an_outcome_open_or_excludes_an_execution() -> None:
    texts = [text.decode() for text in vars(failures).values() if isinstance(text, bytes)]
    wanted = [text for text in texts if text.endswith(("(outcome unknown)", "(not executed)"))]
    assert len(wanted) > 2
    assert [text for text in (*wanted, failures.NOT_CONNECTED.decode()) if f"`{text}`" not in PAGE] == []


def test_the_page_of_limits_has_those_of_the_code() -> None:
    table = (DEPLOY / "limits.md").read_text().partition("## Edges and agents of a fleet")[2]
    table = table.partition("\n## ")[0]
    for limit in (
        f"{seen.MOST:,} within a minute",
        f"{seen.WINDOW // 1000} seconds",
        f"{ownqueries.MOST} wait",
        f"{repair.ROOM >> 20} MiB",
        f"{generations.SECONDS:.0f} seconds",
    ):
        assert limit in table


def _plan(folder: Path) -> FleetPlan:
    (folder / "fleet.yaml").write_text(_block("fleet.yaml"))
    return load_plan(folder / "fleet.yaml")


def _block(begin: str) -> str:
    """The text of the code block that begins with this comment."""
    [text] = re.findall(rf"```yaml\n# {re.escape(begin)}[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


def test_its_sections_are_those_that_fleet_config_writes(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    for name in ("berlin-a", "edge1"):
        shown: dict[str, Any] = yaml.safe_load(_block(f"proxy.yaml of {name}"))["fleet"]
        written: dict[str, Any] = yaml.safe_load(section(plan, name))["fleet"]
        defaults = {"prefix": "ami", "max_lag": 5}
        for one in (shown, written):
            for edge in one.get("edges", {}).values():
                edge.update({key: _list(edge[key]) for key in ("users", "read", "write")})
        assert {**defaults, **shown} == {**defaults, **written}


def _list(value: str | list[str]) -> list[str]:
    return value.split(",") if isinstance(value, str) else value
