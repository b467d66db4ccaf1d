"""Logging in with a client certificate: instead of the secret, with it, and never as another user."""

import hashlib
import logging

import pytest

from amiproxy.ami import privilege
from amiproxy.core.admission.acquaintances import REMEMBER_SECONDS
from amiproxy.core.admission.networks import networks_around
from amiproxy.core.admission.newcomers import GREETED, SPOKE
from amiproxy.core.clients.session import Session
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User, UserTable
from amiproxy.x509.identity import Binding, CertificateLogin, Identity, LoginWay
from tests.support.core_doubles import Bench, ListTransport


def shown(common_name: str) -> Identity:
    """The result of a handshake with the certificate of this name."""
    return Identity(f"CN={common_name}", f"fp-{common_name}", frozenset({Binding("cn", common_name)}))


def user(name: str, way: LoginWay = "secret", *bound: str, **more: object) -> User:
    login = CertificateLogin(tuple(Binding("cn", one) for one in bound), way)
    return User(name, secret=None if way == "certificate" else "plain:x", login=login, **more)  # type: ignore[arg-type]


ALONE = user("alone", "certificate", "wall", read=privilege.ALL)
BOTH = user("both", "both", "desk", md5_secret=b"x")
EITHER = user("either", "secret", "extra")
PLAIN = user("plain")
OFF = user("off", "certificate", "old", disabled=True)
USERS = ALONE, BOTH, EITHER, PLAIN, OFF
REFUSED = b"Response: Error\r\nActionID: 1\r\nMessage: Authentication failed\r\n\r\n"


@pytest.fixture
def bench() -> Bench:
    bench = Bench(*USERS)
    bench.link_up()
    return bench


def connect(bench: Bench, certificate: str | None) -> tuple[Session, ListTransport]:
    session, transport = bench.connect()
    if certificate is not None:
        transport.peer = transport.peer._replace(certificate=shown(certificate))
    return session, transport


def login(name: str, secret: str | None = None) -> bytes:
    line = "" if secret is None else f"Secret: {secret}\r\n"
    return f"Action: Login\r\nActionID: 1\r\nUsername: {name}\r\n{line}\r\n".encode()


@pytest.mark.parametrize(
    ("name", "certificate", "secret"),
    [
        ("alone", "wall", None),
        ("alone", "wall", "any"),
        ("ALONE", "wall", None),
        ("both", "desk", "x"),
        ("either", "extra", "x"),
        ("either", None, "x"),
        ("either", "stranger", "x"),
        ("plain", None, "x"),
        ("plain", "stranger", "x"),
    ],
)
def test_a_user_logs_in_by_the_means_that_it_requires(
    bench: Bench, name: str, certificate: str | None, secret: str | None
) -> None:
    session, transport = connect(bench, certificate)
    session.receive(login(name, secret))
    assert transport.take().startswith(b"Response: Success\r\n")
    assert session.principal.user is bench.hub.ctx.users.find(name.encode())


@pytest.mark.parametrize(
    ("name", "certificate", "secret", "reason"),
    [
        ("alone", None, "x", "the user needs a client certificate and none was presented"),
        ("alone", None, None, "the user needs a client certificate and none was presented"),
        ("alone", "stranger", None, "the client certificate is not bound to the user"),
        ("alone", "desk", "x", "the certificate is bound to another user"),
        ("both", "desk", None, "wrong secret"),
        ("both", "desk", "y", "wrong secret"),
        ("both", None, "x", "the user needs a client certificate and none was presented"),
        ("both", "wall", "x", "the certificate is bound to another user"),
        ("either", "extra", "y", "wrong secret"),
        ("plain", "wall", "x", "the certificate is bound to another user"),
        ("plain", "old", "x", "the certificate is bound to another user"),
        ("off", "old", None, "user is disabled"),
        ("nobody", "wall", "x", "no such user"),
    ],
)
def test_a_login_without_the_required_means_is_refused(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    name: str,
    certificate: str | None,
    secret: str | None,
    reason: str,
) -> None:
    caplog.set_level(logging.INFO, logger="amiproxy")
    session, transport = connect(bench, certificate)
    session.receive(login(name, secret))
    bench.clock.advance(0.9)
    assert transport.take() == b""
    assert len(bench.verifier.asked) == 1, "a refusal must cost a hash, whatever it is for"
    bench.clock.advance(0.2)
    assert transport.take() == REFUSED
    assert transport.closed
    (fields,) = [record.fields for record in caplog.records if record.getMessage() == "login-failed"]  # type: ignore[attr-defined]
    assert fields["reason"] == reason
    assert fields["certificate"] == (f"fp-{certificate}" if certificate else None)


def test_the_login_line_has_the_certificates_fingerprint(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="amiproxy")
    session, _ = connect(bench, "wall")
    session.receive(login("alone"))
    (fields,) = [record.fields for record in caplog.records if record.getMessage() == "login"]  # type: ignore[attr-defined]
    assert fields["certificate"] == "fp-wall"


@pytest.mark.parametrize(("certificate", "accepted"), [("desk", True), (None, False), ("wall", False)])
def test_a_challenge_replaces_the_secret_but_not_the_certificate(
    bench: Bench, certificate: str | None, accepted: bool
) -> None:
    session, transport = connect(bench, certificate)
    session.receive(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
    challenge = transport.take().partition(b"Challenge: ")[2].strip()
    key = hashlib.md5(challenge + b"x", usedforsecurity=False).hexdigest()
    session.receive(f"Action: Login\r\nAuthType: MD5\r\nUsername: both\r\nKey: {key}\r\n\r\n".encode())
    bench.clock.advance(1.1)
    assert (b"Authentication accepted" in transport.take()) is accepted


def test_the_security_event_says_that_no_password_was_used(bench: Bench) -> None:
    session, transport = connect(bench, "wall")
    session.receive(login("alone"))
    transport.take()
    other, _ = connect(bench, "wall")
    other.receive(login("alone"))
    bench.hub.flush()
    assert b"Event: SuccessfulAuth" in (told := transport.take())
    assert b"UsingPassword: 0\r\n" in told


class TestReload:
    """A reload of the users ends the sessions that could not log in again in the same way."""

    @pytest.mark.parametrize(
        ("name", "certificate", "secret", "after", "reason"),
        [
            ("alone", "wall", None, USERS, ""),
            ("alone", "wall", None, (user("alone", "certificate", "wall", "new"),), ""),
            ("alone", "wall", None, (user("alone", "certificate", "new"),), "credentials changed"),
            (
                "plain",
                "stranger",
                "x",
                (PLAIN, user("other", "certificate", "stranger")),
                "credentials changed",
            ),
            ("plain", None, "x", (user("plain", "both", "desk"),), "credentials changed"),
            ("both", "desk", "x", (user("both", "secret", md5_secret=b"x"),), ""),
            ("both", "desk", "x", (PLAIN,), "user removed"),
        ],
    )
    def test_sessions_stay_or_end_by_the_new_requirements(
        self,
        bench: Bench,
        name: str,
        certificate: str | None,
        secret: str | None,
        after: tuple[User, ...],
        reason: str,
    ) -> None:
        session, transport = connect(bench, certificate)
        session.receive(login(name, secret))
        table = UserTable(after)
        bench.hub.adopt(table)
        assert bool(transport.closed) is bool(reason)
        if not reason:
            assert session.principal.user is table.find(name.encode())

    def test_a_newly_required_secret_ends_a_session_that_never_gave_one(self) -> None:
        before = User("u", secret="plain:x", login=CertificateLogin((Binding("cn", "wall"),), "certificate"))
        bench = Bench(before)
        bench.link_up()
        session, transport = connect(bench, "wall")
        session.receive(login("u"))
        assert session.principal.user is before
        bench.hub.adopt(UserTable([User("u", secret="plain:x", login=before.login._replace(way="both"))]))
        assert transport.closed


class TestSecretComparison:
    """The order in which secrets are compared, and the places that waiting clients hold."""

    def test_addresses_rank_by_recent_login_then_unknown_then_failed(self, bench: Bench) -> None:
        def rank(address: str, secret: str) -> int:
            session, transport = bench.connect(address)
            session.receive(login("plain", secret))
            del transport
            return bench.verifier.applicants[-1].rank

        assert rank("192.0.2.1", "x") == rank("198.51.100.1", "wrong") == 1
        assert rank("192.0.2.1", "x") == 0
        assert rank("198.51.100.1", "x") == 2
        assert rank("203.0.113.1", "x") == 1
        assert rank("198.51.100.1", "wrong") == 0, "it has logged in since"
        bench.clock.advance(bench.hub.limits.penalty_max)
        assert rank("198.51.100.1", "x") == 0, "its mistake is forgotten"
        assert rank("127.0.0.1", "x") == rank("127.0.0.1", "x") == 1, "an exempt address delays no other"

    def test_the_applicant_is_queued_under_its_networks(self, bench: Bench) -> None:
        session, transport = bench.connect("192.0.2.1")
        session.receive(login("plain", "x"))
        (applicant,) = bench.verifier.applicants
        assert applicant.who is transport
        assert applicant.networks == networks_around("192.0.2.1")

    def test_neither_the_comparison_nor_the_delay_of_a_refusal_holds_a_place(self, bench: Bench) -> None:
        bench.verifier.at_once = False
        newcomers = bench.hub.limit_state.newcomers
        transport = ListTransport()
        newcomers.enter(transport, "192.0.2.1", bench.clock.now())
        session = bench.hub.attach(transport)
        assert newcomers.stage(transport) == GREETED
        session.receive(b"Action: Challenge\r\nAuthType: none\r\n\r\n")
        assert newcomers.stage(transport) == SPOKE
        session.receive(login("plain", "wrong"))
        assert len(newcomers) == 0
        bench.verifier.answer()
        assert len(newcomers) == 0
        transport.take()
        bench.clock.advance(1.1)
        assert transport.take() == REFUSED

    def test_the_comparison_for_a_client_that_leaves_is_abandoned(self, bench: Bench) -> None:
        bench.verifier.at_once = False
        session, transport = bench.connect()
        session.receive(login("plain", "x"))
        session.lost("gone")
        assert bench.verifier.abandoned == [transport]
        bench.verifier.answer()
        assert session.principal.user is None

    def test_too_many_delayed_refusals_send_the_oldest_early(self) -> None:
        bench = Bench(PLAIN, limits=Limits(unauthenticated=2, unauthenticated_per_address=2))
        bench.link_up()
        transports = []
        for _ in range(3):
            transport = ListTransport()
            bench.hub.limit_state.newcomers.enter(transport, "192.0.2.1", bench.clock.now())
            bench.hub.attach(transport).receive(login("plain", "wrong"))
            transports.append(transport)
        assert [transport.take().endswith(REFUSED) for transport in transports] == [True, False, False]
        assert [bool(transport.closed) for transport in transports] == [True, False, False]
        bench.clock.advance(1.1)
        assert [transport.take() for transport in transports] == [b"", REFUSED, REFUSED]

    def test_an_address_is_known_while_a_session_lasts_and_a_day_longer(self, bench: Bench) -> None:
        session, _ = bench.connect("192.0.2.1")
        session.receive(login("plain", "x"))
        bench.clock.advance(10 * REMEMBER_SECONDS)
        session.lost("gone")
        assert bench.hub.limit_state.newcomers.acquaintances.knows(
            "192.0.2.1", bench.clock.now() + REMEMBER_SECONDS - 1
        )
