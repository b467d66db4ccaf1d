import copy
from typing import Any

from amiproxy.cli.ctl import fleet, tables
from amiproxy.core.fleet.agentview import GONE_AFTER
from amiproxy.tools.terminal import lines_of
from tests.cli.ctl.answering import STATUS
from tests.support.fleets import AGENT, EDGE


def shown(result: dict[str, Any], width: int = 80) -> list[str]:
    lines = lines_of(fleet.fleet(result), width)
    assert max(map(len, lines)) <= width
    return lines


def test_without_a_fleet_it_says_which_section_is_missing() -> None:
    text = " ".join(shown({"role": None}))
    assert "proxy.yaml" in text
    assert "fleet" in text


def test_an_edge_fits_80_columns_with_a_row_for_each_server_and_agent() -> None:
    rows = [line.split() for line in shown(EDGE)]
    assert ["edge", "edge1,", "subjects", "ami.v1"] in rows
    assert ["berlin", "berlin-a", "up", "2", "ms"] in [row[:5] for row in rows]
    assert ["hamburg", "-", "waiting"] in [row[:3] for row in rows]
    assert ["berlin", "berlin-b", "up", "0.6", "s", "ago", "differs"] in [row[:7] for row in rows]
    assert ["hamburg", "hamburg-a", "down", "-", "unknown"] in [row[:5] for row in rows]


def test_an_edge_says_what_became_of_its_actions_and_connections() -> None:
    text = "\n".join(shown(EDGE, 160))
    assert "811 sent: 800 answered, 3 refused, 1 with unknown outcome, 7 pending; 2 reached no agent" in text
    assert "connected (nats1.example:4222, version 2.15.1, 0.4 ms)" in text
    assert "connecting (connection refused)" in text


def test_a_repair_and_an_old_beat_are_seen() -> None:
    repairing = copy.deepcopy(EDGE)
    repairing["servers"][0]["repairing"] = True
    repairing["servers"][0]["agents"][0]["beat_age"] = GONE_AFTER
    repairing["servers"][0]["agents"][1]["beat_age"] = 75.0
    lines = shown(repairing)
    assert "repairing" in "\n".join(lines)
    rows = [line.split() for line in lines]
    assert ["berlin", "berlin-a", "up"] in [row[:3] for row in rows]
    assert ["berlin", "berlin-b", "silent", "1", "m", "15", "s", "ago"] in [row[:8] for row in rows]


def test_an_agent_fits_80_columns_with_a_row_for_each_edge_and_its_refusals() -> None:
    lines = shown(AGENT)
    rows = [line.split() for line in lines]
    assert ["agent", "berlin-a,", "subjects", "ami.v1"] in rows
    assert ["berlin", "1820400", "92000", "868", "MiB", "2", "1", "1820400"] in rows
    assert ["edge1", "board,", "crm", "812"] in [row[:4] for row in rows]
    assert ["edge2", "all", "0"] in [row[:3] for row in rows]
    assert "refused to edge1: 2 expired, 1 user" in "\n".join(lines)
    assert "refused to edge2" not in "\n".join(lines)


def test_many_users_of_an_edge_are_counted() -> None:
    crowded = copy.deepcopy(AGENT)
    crowded["edges"][0]["users"] = [f"user{number}" for number in range(300)]
    assert "300 users" in "\n".join(shown(crowded))


def test_status_has_a_row_for_the_fleet_only_in_a_fleet() -> None:
    part = {name: EDGE[name] for name in ("role", "name", "engines")}
    lines = lines_of(tables.status({**STATUS, "fleet": part}), 80)
    row = " ".join(" ".join(line.split()) for line in lines)
    assert "fleet edge edge1; events connected; actions connecting (connection refused)" in row
    assert not any(line.startswith("fleet") for line in lines_of(tables.status(STATUS), 80))
