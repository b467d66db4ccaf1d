from amiproxy.core.audit.stats import Stats


def test_actions_relayed_are_the_sum_of_all_servers():
    stats = Stats()
    stats.links_of("pbx1").actions_relayed = 2
    stats.links_of("pbx2").actions_relayed = 3
    assert stats.actions_relayed == 5
