from amiproxy.core.audit.historycounts import HistoryCounts
from amiproxy.core.audit.stats import Stats


def test_each_kind_has_its_own_seeds_and_times() -> None:
    counts = HistoryCounts()
    counts.seeded("channels", 0.004)
    counts.seeded("channels", 0.5)
    counts.seeded("queues", 100.0)
    assert counts.seeds == {"channels": 2, "queues": 1}
    assert (sum(counts.seed_times["channels"].counts), counts.seed_times["channels"].total) == (2, 0.504)
    assert counts.seed_times["queues"].counts[-1] == 1


def test_each_server_has_its_own_counts() -> None:
    stats = Stats()
    stats.history_of("pbx1").replayed += 3
    assert stats.history_of("pbx1").replayed == 3
    assert stats.history_of("pbx2").replayed == 0
