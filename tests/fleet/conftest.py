"""Fleets for the tests of this directory: one for each file, which needs it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.lab import chroot
from tests.asterisk.lab.cache import Unavailable
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster
from tests.fleet.lab.members import Fleet
from tests.fleet.lab.source import Source
from tests.support.requirements import give_up

_REAL = Path(__file__).with_name("test_real_asterisk.py")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the Asterisk now: it takes longer than the time limit of a test."""
    if not session.config.option.collectonly and any(item.path == _REAL for item in session.items):
        with suppress(Unavailable):  # the fixture reports it
            chroot.ready("sid")


@pytest.fixture(scope="module")
def make_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Cluster]]:
    """Starts clusters for plans; they end with the file's tests."""
    made: list[Cluster] = []

    def make(plan: Plan, host: str = "127.0.0.1", accounts: str = "") -> Cluster:
        try:
            cluster = Cluster(tmp_path_factory.mktemp("cluster"), plan, host)
        except Unavailable as reason:
            give_up("NATS", reason)
        made.append(cluster)
        if accounts:
            cluster.write_accounts(text=accounts)
        cluster.start()
        return cluster

    yield make
    for cluster in made:
        cluster.stop()


class Site:
    """A fleet before its sources."""

    def __init__(self, fleet: Fleet, sources: dict[str, Source], folder: Path) -> None:
        self.fleet, self.sources, self.folder = fleet, sources, folder


@pytest.fixture(scope="module")
def make_site(
    make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Site]]:
    """Starts a fleet before simulated Asterisks; it ends with the file's tests.

    ``prepared`` is called with the fleet before its processes start.
    """
    with ExitStack() as stack:

        def make(
            plan: Plan,
            prepared: Callable[[Fleet, Path], None] | None = None,
            host: str = "127.0.0.1",
            **settings: Any,
        ) -> Site:
            cluster = make_cluster(plan, host)
            sources = {server: stack.enter_context(Source(server)) for server in plan.servers}
            folder = tmp_path_factory.mktemp("fleet")
            upstreams = {server: source.upstream for server, source in sources.items()}
            fleet = Fleet(folder, cluster, upstreams, **settings)
            if prepared is not None:
                prepared(fleet, folder)
            stack.enter_context(fleet.running())
            return Site(fleet, sources, folder)

        yield make
