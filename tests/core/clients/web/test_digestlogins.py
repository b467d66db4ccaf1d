"""Digest logins: a nonce and a user name are a session."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.web.digest import Credentials, parse_authorization, response_to
from amiproxy.core.model.users import User, UserTable
from tests.core.clients.web.test_digest import header
from tests.support.web_bench import AJAM, API, BOSS, DOORS, ELSEWHERE, HERE, MD5, WebBench

REALM = b"amiproxy"
TARGET = b"/arawman?action=ping"


class DigestBench(WebBench):
    """A client that answers the last challenge."""

    def __init__(self, *users, **limits):
        super().__init__(*users, **limits)
        self.nonce = b""
        self.nc = 0
        self.take(self.web.digests.challenge(REALM, ["MD5"]))

    def take(self, offers):
        (offer,) = offers
        self.nonce = offer.split(b'nonce="')[1].split(b'"')[0]
        self.nc = 0

    def ask(self, secret=b"sekret", name=b"digest", peer=HERE, entrance=AJAM):
        """The outcomes; there are none before Asterisk's second after a refusal."""
        self.nc += 1
        one = Credentials(name, REALM, self.nonce, TARGET, b"", "MD5", b"%08x" % self.nc, b"c0ffee")
        value = header(one._replace(response=response_to(one, b"GET", secret)))
        assert parse_authorization(value) is not None
        return self.send(value, peer, entrance)

    def send(self, value, peer=HERE, entrance=AJAM):
        got = []
        self.leave = self.web.digests.login(
            peer, entrance, REALM, ["MD5"], b"GET", TARGET, value, lambda *outcome: got.append(outcome)
        )
        assert got == []
        self.turn()
        return got


@pytest.fixture
def bench():
    return DigestBench()


def test_one_nonce_and_name_are_one_session(bench):
    ((session, challenges),) = bench.ask()
    assert (session.user, session.by, challenges) == (MD5, "digest", [])
    assert bench.ask() == [(session, [])]
    assert bench.hub.sessions_of(MD5) == [session.main]


def test_a_session_goes_on_under_the_nonce_that_follows_a_stale_one(bench):
    ((session, _),) = bench.ask()
    for _ in range(7):
        bench.clock.advance(45)
        bench.hub.tick(bench.clock.now())
        bench.web.find(session.key, HERE, AJAM)
    ((none, challenges),) = bench.ask()
    assert none is None
    assert challenges[0].endswith(b", stale=true")
    bench.take(challenges)
    assert bench.ask() == [(session, [])]


def test_a_session_is_found_by_its_last_nonces_only(bench):
    ((session, _),) = bench.ask()
    first = bench.nonce
    for _ in range(6):
        bench.nc -= 1  # each count of a nonce is good once
        ((_, challenges),) = bench.ask()
        bench.take(challenges)
        assert bench.ask() == [(session, [])]
    assert len(bench.web.digests._sessions) == 4
    assert first not in bench.web.digests._sessions


def test_a_wrong_response_is_refused_late_and_counted(bench, caplog):
    for _ in range(6):
        got = bench.ask(b"wrong")
        assert got == []
        bench.clock.advance(1.1)
        ((session, challenges),) = got
        assert session is None
        assert len(challenges) == 1
    assert bench.hub.stats.refusals == {"wrong response to the challenge": 6}
    assert bench.hub.limit_state.admission.has_failed(HERE.address, bench.clock.now())


def test_with_a_penalty_a_right_response_looks_like_a_wrong_one(bench):
    for _ in range(9):
        bench.ask(b"wrong", peer=ELSEWHERE)
    assert bench.web.is_penalised(ELSEWHERE)
    got = bench.ask(peer=ELSEWHERE)
    bench.nc -= 1
    stale = bench.ask(peer=ELSEWHERE)
    assert (got, stale) == ([], [])
    bench.clock.advance(1.1)
    assert got[0][0] is None
    assert b"stale" not in stale[0][1][0]
    assert not bench.hub.sessions


def test_a_user_who_may_not_use_the_door_is_refused_late():
    bench = DigestBench(User("digest", md5_secret=b"sekret", doors=frozenset({"api"})))
    got = bench.ask()
    assert got == []
    bench.clock.advance(1.1)
    assert got[0][0] is None
    assert bench.ask(entrance=API)[0][0] is not None


def test_a_session_that_is_not_permitted_here_is_refused_late():
    bench = DigestBench(User("digest", md5_secret=b"sekret", doors=frozenset({"api"})))
    assert bench.ask(entrance=API)[0][0] is not None
    got = bench.ask()
    assert got == []
    bench.clock.advance(1.1)
    assert got[0][0] is None


def test_a_malformed_header_is_challenged_again_at_once(bench):
    ((session, challenges),) = bench.send(b"Digest nonsense")
    assert (session, len(challenges)) == (None, 1)
    assert bench.hub.stats.refusals == {}


def test_a_client_that_leaves_hears_nothing(bench):
    got = bench.ask(b"wrong")
    bench.leave()
    bench.clock.advance(1.1)
    assert got == []


def test_a_user_with_a_hash_only_has_no_digest(bench):
    assert bench.web.secret_of(b"boss") is None
    assert bench.ask(b"x", b"boss") == []


def test_a_name_is_compared_exactly(bench):
    assert bench.web.secret_of(b"digest") == b"sekret"
    assert bench.web.secret_of(b"Digest") is None
    assert bench.ask(name=b"Digest") == []


def test_a_session_that_is_over_is_begun_again(bench):
    ((session, _),) = bench.ask()
    session.end("logoff")
    bench.hub.tick(bench.clock.now())
    ((other, _),) = bench.ask()
    assert other is not session


def test_a_changed_secret_ends_the_session(bench):
    ((session, _),) = bench.ask()
    changed = User("digest", read=privilege.ALL, md5_secret=b"other", doors=DOORS)
    bench.hub.adopt(UserTable([BOSS, changed]))
    assert session.is_over
    got = bench.ask()
    assert got == []


def test_a_nonce_of_an_earlier_process_is_stale_and_makes_no_session(bench):
    bench.nonce = b"0" * 80
    ((session, challenges),) = bench.ask()
    assert session is None
    assert challenges[0].endswith(b", stale=true")
    assert not bench.hub.sessions


def test_a_nonce_is_never_the_key_of_a_session(bench):
    ((session, _),) = bench.ask()
    assert bench.web.find(bench.nonce, HERE, AJAM) is None
    assert bench.web.find(bench.nonce[16:48], HERE, AJAM) is None
    assert bench.web.find(session.key, HERE, AJAM) is session
