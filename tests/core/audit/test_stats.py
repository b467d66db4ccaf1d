import pytest

from amiproxy.core.audit.linkcounts import LinkCounts
from amiproxy.core.audit.stats import Stats

NUMBERS = [name for name in LinkCounts.__dataclass_fields__ if isinstance(getattr(LinkCounts(), name), int)]


@pytest.mark.parametrize("name", [name for name in NUMBERS if hasattr(Stats, name)])
def test_a_count_of_all_servers_is_the_sum(name):
    stats = Stats()
    setattr(stats.links_of("pbx1"), name, 2)
    setattr(stats.links_of("pbx2"), name, 3)
    assert getattr(stats, name) == 5
