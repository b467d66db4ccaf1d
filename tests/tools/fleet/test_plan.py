from pathlib import Path

import pytest

from amiproxy.config import ConfigErrors
from amiproxy.tools.fleet.plan import FleetPlan, load_plan

WHOLE = """\
engines: [nats1:4222]
servers:
  berlin: {agents: [berlin-a, berlin-b]}
  paris: {agents: [paris-a, berlin-b]}
edges:
  edge1: {servers: [berlin], users: [board], read: call}
  edge2: {servers: all}
  edge3: {servers: [paris]}
"""


def plan_of(folder: Path, text: str) -> FleetPlan:
    (folder / "fleet.yaml").write_text(text)
    return load_plan(folder / "fleet.yaml")


def test_a_plan_says_who_sees_what(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WHOLE)
    assert plan.agents == {
        "berlin-a": ("berlin",),
        "berlin-b": ("berlin", "paris"),
        "paris-a": ("paris",),
    }
    assert plan.processes == ("berlin-a", "berlin-b", "paris-a", "edge1", "edge2", "edge3")
    assert [plan.servers_of(edge) for edge in plan.edges] == [("berlin",), ("berlin", "paris"), ("paris",)]
    assert list(plan.edges_at("berlin-a")) == ["edge1", "edge2"]
    assert (plan.prefix, plan.folder) == ("ami", "fleet")


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("[nats1:4222]", "[]", ["engines"]),
        ("engines: [nats1:4222]", "", [""]),
        ("[nats1:4222]", "['nats://nats1']", ["engines[0]"]),
        ("berlin: {agents", "Berlin: {agents", ["servers.Berlin", "edges.edge1.servers[0]"]),
        ("[berlin-a, berlin-b]", "[berlin-a, berlin-a]", ["servers.berlin.agents[1]"]),
        ("[berlin-a, berlin-b]", "[]", ["servers.berlin.agents"]),
        ("[berlin-a, berlin-b]", "[berlin.a]", ["servers.berlin.agents[0]"]),
        ("edge1:", "berlin-a:", ["edges.berlin-a"]),
        ("edge1:", "e.1:", ["edges.e.1"]),
        ("servers: [berlin]", "servers: []", ["edges.edge1.servers"]),
        ("servers: [berlin]", "servers: [rome]", ["edges.edge1.servers[0]"]),
        ("servers: [berlin]", "servers: [berlin, berlin]", ["edges.edge1.servers[1]"]),
        ("servers: [berlin], ", "", ["edges.edge1"]),
        ("users: [board], ", "", ["edges.edge1.read"]),
        ("edges:", "folder: a b\nedges:", ["folder"]),
        ("edges:", "prefix: $SYS\nedges:", ["prefix"]),
        ("edges:", "colour: blue\nedges:", ["colour"]),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_reported(tmp_path: Path, old: str, new: str, places: list[str]) -> None:
    assert old in WHOLE
    with pytest.raises(ConfigErrors) as errors:
        plan_of(tmp_path, WHOLE.replace(old, new, 1))
    assert [problem.key_path for problem in errors.value.problems] == places
    with pytest.raises(ConfigErrors):
        load_plan(tmp_path / "gone.yaml")
