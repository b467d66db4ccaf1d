"""The model of a fleet: its arithmetic, its agreement with measurements, and its tables on the page."""

import pytest

from tests.bench.fleet_model import (
    CROWD,
    FLEETS,
    FULL,
    PAGE,
    THIN,
    Costs,
    Curve,
    Fleet,
    Row,
    Timing,
    base,
    client,
    messages,
    needs,
    page,
    recoveries,
)

COSTS = Costs()


def test_the_page_has_the_tables_of_the_model() -> None:
    text = PAGE.read_text()
    assert page(text) == text, "make reference writes them"


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="sizes"):
        page("# Fleet\n")


@pytest.mark.parametrize(
    ("rate", "cost"), [(10, 8.0), (100, 8.0), (200, 4.0), (400, 2.0), (800, 1.0), (9000, 1.0)]
)
def test_a_curve_is_straight_between_its_points_and_flat_beyond(rate: float, cost: float) -> None:
    assert Curve(((100, 8.0), (800, 1.0))).at(rate) == pytest.approx(cost)


@pytest.mark.parametrize(("rate", "expected"), [(0.001, 0.001), (50, 18.4), (500, 20.0), (1e6, 20.0)])
def test_events_share_messages_the_more_of_them_there_are(rate: float, expected: float) -> None:
    assert messages(rate, 0.05) == pytest.approx(expected, rel=0.01)


#: The first two rows are inputs of the model.  The others, of deploy/sizing.md, are not.
@pytest.mark.parametrize(
    ("row", "tolerance"),
    [(THIN, 0.001), (CROWD, 0.001), (Row(100, 500, 0.005, 6.4), 0.15), (Row(10, 1000, 0.005, 14.9), 0.35)],
    ids=str,
)
def test_a_single_process_costs_what_was_measured(row: Row, tolerance: float) -> None:
    alone = Fleet("one process", rate=row.rate, group=1, agents=0, edge_interval=row.interval)
    load = base(alone, COSTS) + row.clients * client(alone, COSTS)
    assert load * 1e6 / (row.clients * row.rate) == pytest.approx(row.cost, rel=tolerance)


@pytest.mark.parametrize("fleet", FLEETS, ids=[fleet.name for fleet in FLEETS])
def test_no_edge_is_too_busy_while_one_is_missing_and_one_less_would_be(fleet: Fleet) -> None:
    found = needs(fleet, COSTS)
    assert found.edge_load < found.edge_load_without_one <= FULL
    crowd = fleet.dashboards * fleet.group / fleet.servers
    fewer = found.edges_a_group - 2
    assert not fewer or found.edge_base + crowd / fewer * client(fleet, COSTS) > FULL
    assert found.dashboards * found.edges == pytest.approx(fleet.dashboards)


def test_each_byte_that_clients_get_is_sent_by_an_edge() -> None:
    found = needs(FLEETS[0], COSTS)
    assert found.to_clients == pytest.approx(100_000 * 500 * 500)
    assert found.into_edge > FLEETS[0].group * 500 * 500, "of two agents"


def test_an_edge_cannot_follow_every_server() -> None:
    """Which is why edges are divided into groups."""
    assert needs(FLEETS[0]._replace(group=20), COSTS).edge_base > needs(FLEETS[0], COSTS).edge_base
    with pytest.raises(ValueError, match="cannot even read"):
        needs(FLEETS[0]._replace(group=100), COSTS)


def test_a_failure_that_is_announced_lasts_less_than_one_that_must_be_noticed() -> None:
    found = {one.failure: one for one in recoveries(FLEETS[0], COSTS, Timing())}
    in_order, killed = (
        found[name] for name in ("an agent stops in good order", "an agent is killed, or its machine is lost")
    )
    assert in_order.noticed == 0
    assert killed.current - in_order.current == pytest.approx(Timing().silence + Timing().look)
    assert all(one.current >= one.noticed for one in found.values())
    assert found["an edge is killed"].current < 1, "its clients are shared by the rest of its group"
