"""``ctl state``: what is kept of each server, and what clients got of it."""

from dataclasses import replace
from pathlib import Path

from amiproxy.core.servers.servers import Configured
from tests.net.admin.control.asking import USERS, serving
from tests.support.core_doubles import ListUpstream, event
from tests.support.live_service import LiveService

SERVERS = Configured(("pbx1", "pbx2"), named=True, default="")


async def test_nothing_is_kept_while_no_user_needs_it(tmp_path: Path) -> None:
    async with serving(LiveService(tmp_path, *USERS), tmp_path) as control:
        found = await control.asker.result("state")
    assert (found["journal"], found["kinds"]) == (None, None)
    assert found["resumes"] == {"resumed": 0, "gap": 0, "overtaken": 0}
    assert found["snapshots"] == {"complete": 0, "partial": 0, "failed": 0, "shared": 0}
    assert (found["replayed"], found["catching_up"]) == (0, 0)
    assert found["repairs"] == {"repaired": 0, "given up": 0}


async def test_journal_and_kinds_are_those_of_each_server(tmp_path: Path) -> None:
    wall = replace(USERS[0], history=True, servers=("pbx1",))
    service = LiveService(tmp_path, wall, replace(USERS[1], servers=SERVERS.names), servers=SERVERS)
    first = service.hub.servers.first
    first.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
    first.from_upstream([event("Hangup")])
    counts = service.hub.stats.history_of("pbx1")
    counts.resumes["gap"] = 2
    counts.drift["channels"] = 1
    async with serving(service, tmp_path) as control:
        one, two = (await control.asker.result("state"))["servers"]
    assert (one["server"], two["server"]) == ("pbx1", "pbx2")
    assert (two["journal"], two["kinds"]) == (None, None)
    journal = one["journal"]
    assert (journal["events"], journal["most_bytes"], journal["most_seconds"]) == (1, 8 << 20, 300)
    assert journal["bytes"] > len(event("Hangup"))
    assert abs(journal["began"] - service.hub.scheduler.wall()) < 60
    kinds = {kind["kind"]: kind for kind in one["kinds"]}
    assert kinds["channels"] == {
        "kind": "channels",
        "state": "seeding",
        "reason": "",
        "items": 0,
        "seeded": None,
        "seeds": 0,
        "failures": 0,
        "drift": 1,
    }
    assert one["resumes"]["gap"] == 2
    assert two["resumes"]["gap"] == 0
