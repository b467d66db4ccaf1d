"""Each row of the micro-benchmark delivers its number of events, checked with a few."""

import pytest

from tests.bench.hotpath import ROWS, SERVERS, one_list, one_pass, one_pass_of_servers, table, wire


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_pass_delivers_every_event_to_every_session(row):
    # one_pass itself compares the numbers of audiences and of deliveries.
    assert one_pass(row, wire(row.per_read, row.distinct_heads)) > 0


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row.what)
def test_a_pass_delivers_the_events_of_each_server(row):
    assert one_pass_of_servers(row, wire(row.per_read * row.servers)) > 0


def test_a_list_takes_time():
    assert one_list(items=3, lists=2) > 0


def test_events_are_about_as_long_as_asterisks():
    sizes = [len(raw) for raw in wire(20)]
    assert 350 < sum(sizes) / len(sizes) < 450


def test_the_table_has_a_row_for_each_case_and_the_lists():
    assert len(table(events=8, passes=1).splitlines()) == 2 + len(ROWS) + len(SERVERS) + 3
