import pytest

from amiproxy.core.audit.linkcounts import LinkCounts
from amiproxy.net.upstream.unsolicited import UnsolicitedWatch


def test_many_in_a_minute_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    counts = LinkCounts()
    watch = UnsolicitedWatch(counts)
    for now, more in ((100.0, 3), (130.0, 4), (159.0, 0), (160.0, 0), (161.0, 9), (219.0, 0), (221.0, 0)):
        counts.unsolicited_responses += more
        watch.tick(now, "pbx1")
    told = [(record.getMessage(), record.fields) for record in caplog.records]
    assert told == [
        ("upstream-orphans", {"server": "pbx1", "responses": 4, "total": 7}),
        ("upstream-orphans", {"server": "pbx1", "responses": 9, "total": 16}),
    ]
