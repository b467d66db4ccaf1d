"""The nats-server for the tests of this directory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.asterisk.lab.cache import Unavailable
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster
from tests.support.requirements import give_up


@pytest.fixture(scope="module")
def make_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Plan], Cluster]]:
    """Starts clusters for plans; they end with the file's tests."""
    made: list[Cluster] = []

    def make(plan: Plan, folder: Path | None = None) -> Cluster:
        try:
            cluster = Cluster(folder or tmp_path_factory.mktemp("cluster"), plan)
        except Unavailable as reason:
            give_up("NATS", reason)
        made.append(cluster)
        cluster.start()
        return cluster

    yield make
    for cluster in made:
        cluster.stop()
