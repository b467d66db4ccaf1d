"""Too much in flight at one server pauses the sessions that wait for it, and no others."""

from amiproxy.ami import privilege
from amiproxy.core.model.limits import Limits, ServerLimits
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench

TWO = Configured(("pbx1", "pbx2"), named=True)
BOSS = User("boss", privilege.ALL, privilege.ALL, "plain:x", servers=("pbx1", "pbx2"))
#: Several clients do not share the answer to it.
TWO_ACTIONS = b"Action: ModuleCheck\r\nModule: app_queue\r\n\r\n" * 2


def make(**limits: object) -> Bench:
    bench = Bench(BOSS, limits=Limits(**limits), servers=TWO)
    bench.all_up()
    return bench


def fill(bench: Bench, server: str) -> None:
    for _ in range(2):
        session, _ = bench.login(f"boss/{server}")
        session.receive(TWO_ACTIONS)


def test_a_server_that_does_not_answer_pauses_only_its_own_sessions() -> None:
    bench = make(in_flight=4, in_flight_per_session=3)
    fill(bench, "pbx2")
    for server, paused in (("pbx1", False), ("pbx2", True)):
        session, transport = bench.login(f"boss/{server}")
        session.receive(TWO_ACTIONS)
        assert transport.paused is paused, server


def test_sessions_go_on_when_there_is_room_at_their_server() -> None:
    bench = make(in_flight=4, in_flight_per_session=3)
    fill(bench, "pbx2")
    session, transport = bench.login("boss/pbx2")
    session.receive(TWO_ACTIONS)
    assert transport.paused
    sent = bench.upstreams["pbx1"].take()
    assert sent == []
    for _ in range(2):
        for asked in bench.upstreams["pbx2"].take():
            bench.answer(asked, b"", at="pbx2")
    assert not transport.paused


def test_a_session_that_ends_while_it_is_paused_is_forgotten() -> None:
    bench = make(in_flight=4, in_flight_per_session=3)
    fill(bench, "pbx2")
    session, _ = bench.login("boss/pbx2")
    session.receive(TWO_ACTIONS)
    session.lost("gone")
    assert session.full == "in_flight"
    bench.server("pbx2").link_down("gone")
    bench.hub.settle()
    assert bench.hub.backpressure.in_flight == bench.hub.queued == 0


def test_a_server_may_have_a_limit_of_its_own() -> None:
    bench = make(in_flight=4, in_flight_per_session=3)
    bench.hub.adopt_limits(bench.hub.limits, {"pbx2": ServerLimits(in_flight=100)})
    fill(bench, "pbx2")
    session, transport = bench.login("boss/pbx2")
    session.receive(TWO_ACTIONS)
    assert not transport.paused
    bench.hub.adopt_limits(bench.hub.limits)
    assert bench.server("pbx2").limits.in_flight == 100, "it is kept while servers do not change"
    bench.hub.adopt_limits(bench.hub.limits, {})
    assert bench.server("pbx2").limits.in_flight == 4


def test_a_session_of_several_servers_is_paused_only_if_none_has_room() -> None:
    bench = make(in_flight=4, in_flight_per_session=3)
    session, transport = bench.login("boss")
    fill(bench, "pbx2")
    asked = b"Action: Getvar\r\nVariable: X\r\nServer: pbx1\r\n\r\n" * 2
    session.receive(asked)
    assert not transport.paused
    fill(bench, "pbx1")
    session.receive(b"Action: Getvar\r\nVariable: X\r\nServer: pbx1\r\n\r\n")
    assert transport.paused
    for sent in bench.upstreams["pbx1"].take():
        bench.answer(sent, b"", at="pbx1")
    assert not transport.paused


def test_what_sessions_of_several_servers_queue_is_limited_too() -> None:
    bench = make(in_flight=4, in_flight_per_session=4)
    for _ in range(2):
        session, transport = bench.login("boss")
        session.receive(b"Action: Getvar\r\nVariable: X\r\nServer: pbx1\r\n\r\n" * 3)
    assert bench.hub.limit_state.load.queued == 4
    assert transport.paused


def test_everything_in_flight_is_counted_in_all() -> None:
    bench = make()
    fill(bench, "pbx1")
    fill(bench, "pbx2")
    assert bench.hub.backpressure.in_flight == 8
