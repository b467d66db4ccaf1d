from pathlib import Path

import msgspec
import pytest

from amiproxy.config import EdgeEntry, Engine, FleetSettings, UserEntry, UsersFile
from amiproxy.config.fleet.warnings import warnings_of_fleet

ENGINES = (Engine("nats1"), Engine("nats2"))
FILES = {name: Path(name) for name in ("ca", "seed_file", "token_key_file")}
AGENT = FleetSettings(role="agent", name="a", engines=ENGINES, **FILES)
USERS = UsersFile(users={"Board": UserEntry(secret="x"), "remote": UserEntry()})


def warned(**settings: object) -> list[str]:
    return list(warnings_of_fleet(msgspec.structs.replace(AGENT, **settings), USERS))


@pytest.mark.parametrize(
    "edges",
    [
        {"e1": EdgeEntry(users="all")},
        {"e1": EdgeEntry(users=("board", "REMOTE"))},
        {"e1": EdgeEntry(users=("board",)), "e2": EdgeEntry(users=("remote",))},
    ],
)
def test_an_agent_whose_edges_act_for_its_users_gives_no_warning(edges: dict[str, EdgeEntry]) -> None:
    assert warned(edges=edges) == []


def test_a_user_whom_only_the_edge_has_is_a_warning() -> None:
    edges = {"e1": EdgeEntry(users=("remote", "crm"))}
    [line] = warned(edges=edges)
    assert line.startswith("fleet.edges.e1: ")
    assert "crm" in line


@pytest.mark.parametrize("edges", [{}, {"e1": EdgeEntry(users=("board",))}])
def test_a_user_that_nobody_can_be_is_a_warning(edges: dict[str, EdgeEntry]) -> None:
    [line] = warned(edges=edges)
    assert line.startswith("user remote: ")


def test_one_engine_is_a_warning() -> None:
    assert len(warned(role="edge", engines=ENGINES[:1])) == 1
    assert warned(role="edge") == []
