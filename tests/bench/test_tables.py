"""Medians, ratios within a round, Markdown."""

import pytest

from tests.bench.tables import Column, comparison, markdown, median, medians, ratio, written

FAST = [{"cost": 2.0}, {"cost": 4.0}, {"cost": 3.0}]
SLOW = [{"cost": 4.0}, {"cost": 16.0}, {"cost": 6.0}]


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        (FAST, 3.0),
        ([{"cost": 1.0}, {"cost": 2.0}], 1.5),
        ([None, {"cost": 7.0}], 7.0),
        ([{"other": 1.0}, {"cost": 7.0}], 7.0),
        ([None, None], None),
        ([], None),
    ],
)
def test_the_median_is_of_the_rounds_that_have_the_figure(rounds, expected):
    assert median(rounds, "cost") == expected


@pytest.mark.parametrize(
    ("rounds", "reference", "expected"),
    [
        (SLOW, FAST, 2.0),  # of 2, 4 and 2: not 6 / 3
        (FAST, FAST, 1.0),
        ([None, {"cost": 9.0}], [{"cost": 1.0}, {"cost": 3.0}], 3.0),
        ([{"cost": 9.0}], [None], None),
        ([{"cost": 9.0}], [{"cost": 0.0}], None),
        ([{"cost": 9.0}], [{}], None),
    ],
)
def test_a_ratio_is_taken_within_each_round(rounds, reference, expected):
    assert ratio(rounds, reference, "cost") == expected


def test_medians_leave_out_peers_without_the_figure():
    assert medians({"a": FAST, "b": [None]}, "cost") == {"a": 3.0}


def test_a_missing_value_is_a_dash():
    assert written(None, ".1f") == "-"
    assert written(1234.56, ",.1f") == "1,234.6"


def test_a_table_is_written_as_markdown():
    assert markdown(["", "a"], [["x", "1"]]) == "|  | a |\n| --- | --: |\n| x | 1 |\n"


def test_a_comparison_begins_with_the_ratios_to_the_references_that_ran():
    table = comparison([Column("CPU", "cost", ".0f")], {"us": SLOW, "them": FAST}, ["them", "absent"], "cost")
    assert table.splitlines() == [
        "|  | x them | CPU |",
        "| --- | --: | --: |",
        "| us | 2.00 | 6 |",
        "| them | 1.00 | 3 |",
    ]


def test_a_peer_that_failed_keeps_an_empty_row():
    assert "| us | - |" in comparison([Column("CPU", "cost")], {"us": [None]}, [], "cost")
