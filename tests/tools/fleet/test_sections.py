"""The sections are what each process reads: they load in its proxy.yaml."""

from pathlib import Path

import pytest
import yaml

from amiproxy.config.loading import draft_config
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.tools.fleet.sections import section
from tests.tools.fleet.test_plan import WHOLE, plan_of

REST = 'listeners: [{address: "[::]:5039", certificates: [{chain: a, key: b}]}]\nusers_file: users.yaml\n'
SERVER = "{username: a, secret_file: b}"


@pytest.mark.parametrize(
    ("name", "servers", "every_name"),
    [
        ("berlin-a", f"upstream: {SERVER}", 1),
        ("berlin-b", f"servers: {{berlin: {SERVER}, paris: {SERVER}}}", 2),
        ("edge1", "", 1),
        ("edge2", f"servers: {{own: {SERVER}}}", 3),
    ],
)
def test_a_section_loads_in_the_proxy_yaml_of_its_process(
    tmp_path: Path, name: str, servers: str, every_name: int
) -> None:
    text = section(plan_of(tmp_path, WHOLE), name)
    file = tmp_path / "proxy.yaml"
    file.write_text(f"{servers}\n{REST}{text}")
    config = draft_config(file)
    assert config.fleet is not None
    assert (config.fleet.name, config.fleet.is_edge) == (name, name.startswith("edge"))
    assert len(config.every_name) == every_name
    assert config.fleet.seed_file == tmp_path / f"fleet/{name}.seed"


def test_an_edge_that_may_act_has_its_ceiling_at_its_agents_alone(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WHOLE)
    sections = {name: yaml.safe_load(section(plan, name))["fleet"] for name in plan.processes}
    ceiling = {"edge1": {"users": ["board"], "read": "call"}}
    assert [sections[name].get("edges") for name in plan.agents] == [ceiling, ceiling, None]
    file = tmp_path / "proxy.yaml"
    file.write_text(f"upstream: {SERVER}\n{REST}{section(plan, 'berlin-a')}")
    fleet = draft_config(file).fleet
    assert fleet is not None
    assert fleet.ceilings == {"edge1": Ceiling(frozenset({"board"}), 2, 0)}
