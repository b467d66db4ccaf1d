"""Servers whose past is kept for other processes, and the sealer of its positions."""

from amiproxy.core.model.limits import HistoryBounds
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench, PlainSealer, event

NAMES = ("pbx1", "pbx2")
BOUNDS = HistoryBounds(1 << 20, 60.0)


class OtherSealer(PlainSealer):
    """Seals in another form, and opens both."""

    def seal(self, epoch: int, sequence: int) -> bytes:
        return super().seal(epoch, sequence + 1_000_000)

    def open(self, token: bytes) -> tuple[tuple[int, int], ...]:
        opened = super().open(token)
        return tuple((epoch, sequence % 1_000_000) for epoch, sequence in opened)


def test_the_past_of_some_servers_is_kept_whatever_users_need() -> None:
    bench = Bench(User("boss", servers=NAMES), servers=Configured(NAMES, named=True))
    hub = bench.hub
    hub.adopt_history(BOUNDS, "auto")
    assert hub.always_kept == frozenset()
    assert [server.journal for server in hub.servers] == [None, None]
    hub.always_kept = frozenset({"pbx2", "pbx3"})
    kept = bench.server("pbx2").journal
    assert kept is not None
    assert kept.bounds == BOUNDS
    assert bench.server("pbx1").journal is None
    hub.add_servers(["pbx3"])
    hub.adopt(UserTable([User("other", servers=NAMES)]), Configured((*NAMES, "pbx3"), named=True))
    assert bench.server("pbx2").journal is kept
    assert bench.server("pbx3").journal is not None
    hub.always_kept = frozenset()
    assert [server.journal for server in hub.servers] == [None, None, None]


def test_a_sealer_may_be_replaced_by_one_that_opens_earlier_tokens() -> None:
    bench = Bench(User("board", secret="plain:x", history=True, write=-1, read=-1))
    bench.link_up()
    journal = bench.server().journal
    assert journal is not None
    bench.feed(event("Newstate"))
    before = journal.token(1)
    bench.hub.sealer = OtherSealer()
    bench.hub.tick(bench.clock.now())
    after = journal.token(1)
    assert after != before
    for token in (before, after):
        session, transport = bench.connect()
        session.receive(b"Action: Login\r\nUsername: board\r\nSecret: x\r\nEvents: off\r\n\r\n")
        session.receive(b"Action: ProxyResume\r\nFrom: %b\r\n\r\n" % token)
        assert b"Missed events will follow" in transport.take()
