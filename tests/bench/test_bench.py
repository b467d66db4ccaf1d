"""The command line and the report; the measuring programs are not run here."""

import pytest

from tests.bench.bench import SCENARIOS, parsed, report
from tests.bench.peers import PEERS
from tests.bench.rounds import Section


def test_everything_is_measured_by_default():
    options = parsed([])
    assert options.scenarios == [*SCENARIOS, "rotation"]
    assert options.peers == [*PEERS]
    assert (options.rounds, options.seconds) == (3, 5.0)


def test_quick_measures_less_of_everything():
    options, whole = parsed(["--quick"]), parsed([])
    assert set(options.scenarios) < set(whole.scenarios)
    assert set(options.peers) < set(whole.peers)
    assert options.seconds < whole.seconds
    assert options.patience < whole.patience


def test_explicit_options_take_precedence_over_quick():
    options = parsed(["idle", "--quick", "--peers", "haproxy", "--rounds", "7", "--patience", "0"])
    assert (options.scenarios, options.peers, options.rounds, options.patience) == (
        ["idle"],
        ["haproxy"],
        7,
        0,
    )


@pytest.mark.parametrize("arguments", [["nonsense"], ["--peers", "haproxy,nonsense"]])
def test_an_unknown_name_is_reported_with_the_known_ones(arguments, capsys):
    with pytest.raises(SystemExit):
        parsed(arguments)
    said = capsys.readouterr().err
    assert "nonsense: choose from" in said


def test_the_report_has_tables_charts_and_remarks():
    sections = [
        Section("idle", "Idle", "| a |\n", "<svg/>", "A note."),
        Section("rotation", "Rotation", "text\n"),
    ]
    text = report(["the machine"], sections, ["stunnel: skipped"])
    assert text.splitlines() == [
        "# Benchmark",
        "",
        "the machine",
        "",
        "## Idle",
        "",
        "| a |",
        "",
        "A note.",
        "",
        "![Idle](idle.svg)",
        "",
        "## Rotation",
        "",
        "text",
        "",
        "## Remarks",
        "",
        "- stunnel: skipped",
    ]
