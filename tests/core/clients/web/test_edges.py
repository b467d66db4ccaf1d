"""Users whose actions an edge sends: their web sessions are like others, but for what the edge has judged."""

import logging

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.routes.entrance import FLEET, Entrance
from amiproxy.core.clients.web.jobs import EdgeRequest
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.ports import Peer
from amiproxy.x509.identity import CertificateLogin
from tests.support.core_doubles import ListTransport
from tests.support.web_bench import AJAM, BOSS, HERE, WebBench

AT_EDGE = Entrance("asterisk", FLEET)
EDGE = Peer("edge1", 0)
LONE = User("lone", write=privilege.ALL, secret="plain:x", allowmultiplelogin=False)
CARD = User(
    "card", write=privilege.ALL, secret="plain:x", login=CertificateLogin(way="certificate_and_secret")
)
NEAR = User("near", write=privilege.ALL, secret="plain:x", acl=AccessList.from_lines(["permit 10.0.0.0/8"]))
GONE = User("gone", write=privilege.ALL, secret="plain:x", disabled=True)
FAR = User("far", write=privilege.ALL, secret="plain:x", servers=("other",))


@pytest.fixture
def bench():
    return WebBench(BOSS, LONE, CARD, NEAR, GONE, FAR)


def enter(bench: WebBench, name: str = "boss"):
    return bench.web.enter(EDGE, AT_EDGE, name.encode(), "edge")


def run(bench: WebBench, session, text: str, expires: float = 10.0, address: str = "198.51.100.9"):
    got: list[bytes] = []
    request = EdgeRequest("edge1", "ab" * 16, Peer.at(address, 0), bench.clock.now() + expires)
    session.run(text.replace("\n", "\r\n").encode() + b"\r\n\r\n", got.append, request)
    bench.turn()
    return got


def test_an_action_of_an_edge_goes_to_asterisk_and_its_answer_comes_back(bench):
    got = run(bench, enter(bench), "Action: CoreStatus\nActionID: 7")
    bench.answer(*bench.upstream.take(), b"CoreReloads: 0\r\n")
    bench.turn()
    assert got == [b"Response: Success\r\nActionID: 7\r\nCoreReloads: 0\r\n\r\n"]


@pytest.mark.parametrize("name", ["card", "near", "lone"])
def test_what_the_edge_has_judged_is_not_judged_again(bench, name):
    bench.login("lone", by=ListTransport("192.0.2.9"))
    session = enter(bench, name)
    assert not isinstance(session, str)


def test_a_user_at_an_edge_may_log_in_here_although_it_may_log_in_once(bench):
    assert not isinstance(enter(bench, "lone"), str)
    assert bench.login("lone")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nobody", "no such user"), ("gone", "user is disabled"), ("far", "server not permitted")],
)
def test_a_refusal_counts_against_no_address(bench, name, reason):
    for _ in range(20):
        assert enter(bench, name) == reason
    assert bench.hub.stats.refusals == {reason: 20}
    assert not bench.web.is_penalised(EDGE)
    assert not bench.hub.sessions


def test_sessions_of_edges_do_not_displace_those_of_browsers():
    bench = WebBench(web_sessions_per_user=1)
    mine = bench.log_in()
    assert not isinstance(enter(bench), str)
    other = enter(bench)
    assert not mine.is_over
    bench.log_in()
    assert mine.is_over
    assert not other.is_over


def test_a_session_of_an_edge_ends_when_it_is_not_used_but_not_because_it_is_old():
    bench = WebBench(web_session_seconds=1000.0)
    session = enter(bench)
    for _ in range(4):
        session.used = bench.clock.now()
        bench.clock.advance(900)
        bench.hub.tick(bench.clock.now())
    assert not session.is_over
    bench.clock.advance(2000)
    bench.hub.tick(bench.clock.now())
    assert session.is_over


def test_a_cookie_does_not_find_a_session_of_an_edge(bench):
    session = enter(bench)
    assert bench.web.find(session.key, HERE, AJAM) is None
    assert bench.web.find(session.key, HERE, Entrance("asterisk", "ajam")) is None


def test_a_reload_keeps_a_session_whatever_its_door_and_address(bench):
    session = enter(bench, "near")
    locked = User(
        "near", write=privilege.ALL, secret="plain:x", acl=AccessList.from_lines(["deny 0.0.0.0/0"])
    )
    bench.hub.adopt(UserTable([locked]))
    assert session.user is locked
    assert not session.is_over


def test_after_a_reload_the_next_action_is_judged_by_the_new_rights(bench):
    session = enter(bench)
    bench.hub.adopt(UserTable([User("boss", write=privilege.CALL, secret="plain:other")]))
    (answer,) = run(bench, session, "Action: CoreStatus")
    assert b"Permission denied" in answer
    assert bench.upstream.take() == []


@pytest.mark.parametrize("users", [[], [User("boss", disabled=True)]])
def test_a_reload_without_the_user_ends_the_session_and_what_it_waits_for(bench, users):
    session = enter(bench)
    got = run(bench, session, "Action: CoreStatus")
    bench.hub.adopt(UserTable(users))
    bench.turn()
    assert session.is_over
    assert got[0].startswith(b"Response: Error\r\n")


def test_the_log_names_the_edge_the_request_and_the_clients_address(bench, caplog):
    caplog.set_level(logging.INFO, logger="amiproxy")
    session = enter(bench)
    run(bench, session, "Action: Originate\nChannel: Local/1\nApplication: Wait\nData: 1\nAsync: true")
    bench.answer(*bench.upstream.take(), b"")
    bench.turn()
    bench.hub.adopt(UserTable([User("boss", write=privilege.CALL, secret="plain:x")]))
    run(bench, session, "Action: CoreStatus")
    lines = {record.getMessage(): record.fields for record in caplog.records}
    for name in ("action-allowed", "action-denied"):
        line = lines[name]
        assert (line["edge"], line["request"]) == ("edge1", "ab" * 16)
        assert (line["peer"], line["door"]) == ("198.51.100.9", FLEET)


def test_an_action_that_waits_for_the_rate_expires_in_its_lane():
    bench = WebBench(action_rate=0.1, action_burst=1)
    session = enter(bench)
    first = run(bench, session, "Action: CoreStatus")
    second = run(bench, session, "Action: CoreSettings", expires=2.0)
    bench.answer(*bench.upstream.take(), b"")
    bench.clock.advance(11)
    assert first
    assert b"not executed" in second[0]
    assert bench.upstream.take() == []


def test_an_exempt_address_that_an_edge_names_has_a_rate_all_the_same():
    bench = WebBench(action_rate=0.1, action_burst=1)
    session = enter(bench)
    for _ in range(3):
        run(bench, session, "Action: ModuleCheck", address="127.0.0.1")
    assert len(bench.upstream.take()) == 1


def test_the_digits_of_a_series_that_has_begun_do_not_expire():
    bench = WebBench(link_hold=0.3)
    session = enter(bench)
    got = run(bench, session, "Action: PlayMF\nChannel: SIP/1\nDigit: 12345", expires=0.3)
    sent = 0
    for _ in range(100):
        for asked in bench.upstream.take():
            sent += 1
            bench.clock.advance(0.1)
            bench.answer(asked, b"")
        bench.clock.advance(0.5)
        if got:
            break
    assert got[0].startswith(b"Response: Success\r\n")
    assert sent > 1
