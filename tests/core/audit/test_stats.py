from amiproxy.core.audit.stats import Stats


def test_actions_relayed_are_the_sum_of_all_servers():
    stats = Stats()
    stats.links_of("pbx1").actions_relayed = 2
    stats.links_of("pbx2").actions_relayed = 3
    assert stats.actions_relayed == 5


def test_the_counts_of_a_server_are_made_once():
    stats = Stats()
    for counts_of in (stats.links_of, stats.history_of, stats.events_of):
        assert counts_of("pbx1") is counts_of("pbx1")
        assert counts_of("pbx1") is not counts_of("pbx2")
