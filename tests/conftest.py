"""What holds for every test."""

import re
from collections.abc import Iterable
from pathlib import Path

import hypothesis
import pytest

# A busy machine is slow now and then; how long one example takes says nothing about the code.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.load_profile("default")

_TOP = Path(__file__).parents[1]
_PAGES = ("SECURITY.md", "tests/faults/README.md")
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def unproved(skipped: Iterable[str]) -> list[str]:
    """A line for each row of the pages of promises that one of these tests is to prove."""
    tests = {name.partition("[")[0] for name in skipped}
    return [
        f"{page}, {number}: {what} {test}"
        for page in _PAGES
        for number, what, proofs in _ROW.findall((_TOP / page).read_text())
        for test in re.findall(r"`(tests/[^`]+)`", proofs)
        if test in tests
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which promises this run has not looked at: a skip is easily passed over."""
    reports = terminalreporter.stats.get("skipped", [])
    if lines := unproved(report.nodeid for report in reports):
        terminalreporter.section("not proved on this machine")
        for line in lines:
            terminalreporter.write_line(line)
