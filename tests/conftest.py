"""Settings and hooks for every test."""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# A busy machine is slow at times; how long one example takes says nothing about the code.  A gate must
# give the same result for the same commit, so the examples are fixed; `make properties` tries others.
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True)
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=10)
hypothesis.settings.register_profile(
    "search", deadline=None, max_examples=int(os.environ.get("EXAMPLES", "2000"))
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

pytest_plugins = ("tests.support.time_limits",)

_TOP = Path(__file__).parents[1]
_PAGES = ("SECURITY.md", "tests/faults/README.md")
#: Tests that need the Debian package.  Unless ``AMIPROXY_DEB`` names it, they build it, which takes a minute.
_WITH_THE_PACKAGE = (
    "tests/deploy/test_ansible.py",
    "tests/deploy/test_contents.py",
    "tests/deploy/test_following_the_guide.py",
    "tests/deploy/test_package.py",
    "tests/deploy/test_repository.py",
    "tests/deploy/test_rpm.py",
    "tests/deploy/test_under_systemd.py",
)
#: Folders whose tests need no socket, process or sleep; those of ``net`` need sockets, all others a system.
#: Folders by tier; tests in no folder of these are of the tier ``system``.
_PURE = (
    *("tests/ami/", "tests/config/", "tests/core/", "tests/tools/importers/", "tests/x509/"),
    *(f"tests/tools/shell/{part}/" for part in ("language", "completion", "answers", "showing", "events")),
)
_NET = ("tests/net/", "tests/tools/doctor/", "tests/tools/shell/live/")
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)


class ByFixtures(LoadScopeScheduling):
    """The tests of one file go to one process, because they share everything that its fixtures start.

    Those of two Asterisks share nothing.  Those of the page, in all its files, share a browser and a call
    centre: more of these would slow down the other tests.  A test that ended its process has failed; it is
    not started again, as pytest-xdist would do until it has no processes left.
    """

    #: The test that ended a process last.
    _crashed: str | None = None

    def remove_node(self, node: WorkerController) -> str | None:
        tests = (test for unit in self.assigned_work[node].values() for test in unit.items())
        self._crashed = next((name for name, completed in tests if not completed), None)
        return super().remove_node(node)

    def _reschedule(self, node: WorkerController) -> None:
        for unit in self.workqueue.values():
            if self._crashed in unit:
                unit[self._crashed] = True
        for scope in [scope for scope, unit in self.workqueue.items() if all(unit.values())]:
            del self.workqueue[scope]
        super()._reschedule(node)

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(_WITH_THE_PACKAGE) and not os.environ.get("AMIPROXY_DEB"):
            return "the package"
        if nodeid.startswith("tests/asterisk/page/"):
            return "the page"
        version = re.search(r"[\[-](22|16)[]-]", nodeid) if nodeid.startswith("tests/asterisk/") else None
        return f"{nodeid.partition('::')[0]} {version[1] if version else ''}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFixtures | None:
    """For ``--dist loadfile``, which ``make test`` uses."""
    return ByFixtures(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture
def log_restored() -> Iterator[None]:
    """Restores the log, which other tests read through pytest."""
    logger = logging.getLogger("amiproxy")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark each test with its tier, by its folder, so that ``-m pure`` selects by it."""
    item.add_marker(tier_of(item.path))


def tier_of(test: Path) -> str:
    """The tier of the tests in this file: ``pure``, ``net`` or ``system``."""
    path = str(test.relative_to(_TOP))
    return "pure" if path.startswith(_PURE) else "net" if path.startswith(_NET) else "system"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests begin first, so that they do not run alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


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
    """List the promises that this run has not checked: a skip is easily overlooked."""
    reports = terminalreporter.stats.get("skipped", [])
    if lines := unproved(report.nodeid for report in reports):
        terminalreporter.section("not proved on this machine")
        for line in lines:
            terminalreporter.write_line(line)
