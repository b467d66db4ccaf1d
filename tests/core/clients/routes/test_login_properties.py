"""Any user table, any servers, any login: who gets in and where, and that refusals are all alike."""

import hashlib
from dataclasses import replace
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.x509.identity import Binding, CertificateLogin, Identity
from tests.support.core_doubles import Bench

SERVERS = "pbx1", "pbx2", "pbx3"
#: Names that read as a user at a server, beside plain ones.
NAMES = st.sampled_from(["a", "b", "a/pbx1", "a/b", "b/pbx2", "pbx1"])
WAYS = "plain", "md5", "certificate"


class Try(NamedTuple):
    text: str
    entrance: str
    way: str
    is_right: bool


@st.composite
def tables(draw: st.DrawFn) -> list[User]:
    users = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        way = draw(st.sampled_from(WAYS))
        servers = tuple(server for server in SERVERS if draw(st.booleans()))
        users.append(
            User(
                name,
                secret="plain:x" if way == "plain" else None,
                md5_secret=b"x" if way == "md5" else None,
                login=CertificateLogin((Binding("cn", name),), "certificate")
                if way == "certificate"
                else CertificateLogin(),
                servers=servers,
                disabled=draw(st.integers(0, 9)) == 0,
            )
        )
    return users


@st.composite
def tries(draw: st.DrawFn) -> Try:
    name, server = draw(NAMES), draw(st.sampled_from(["", *SERVERS, "PBX1", "pbx9", "*"]))
    with_server = f"{name}/{server}" if server or draw(st.booleans()) else name
    return Try(
        with_server, draw(st.sampled_from(["", *SERVERS])), draw(st.sampled_from(WAYS)), draw(st.booleans())
    )


def expected(users: list[User], there: tuple[str, ...], tried: Try) -> str | None:
    """The server that the login is bound to, "*" for several; None if it is refused.  Written apart."""
    by_name = {user.name.lower(): user for user in users}
    user, asked = by_name.get(tried.text.lower()), None
    if user is None and "/" in tried.text:
        cut = tried.text.rindex("/")
        user, asked = by_name.get(tried.text[:cut].lower()), tried.text[cut + 1 :].lower()
    if user is None or user.disabled or not tried.is_right:
        return None
    ways = {
        "md5": user.md5_secret,
        "certificate": user.login.bindings,
        "plain": user.secret or user.md5_secret,
    }
    if not ways[tried.way]:
        return None
    wanted = {one for one in (asked, tried.entrance or None) if one is not None}
    if not wanted:
        if len(user.servers) != 1:
            return "*" if user.servers else None
        wanted = set(user.servers)
    if len(wanted) > 1 or not wanted <= set(user.servers) & set(there):
        return None
    return wanted.pop()


def attempt(bench: Bench, tried: Try) -> tuple[bytes, float, int, str | None]:
    """The answer, its delay in seconds, the hashes compared, and what the session is bound to."""
    session, transport = bench.connect(entrance=Entrance(tried.entrance))
    name = tried.text.encode()
    bound_to = tried.text if bench.hub.ctx.users.find(name) else tried.text.rpartition("/")[0]
    if tried.way == "certificate" and tried.is_right:
        found = bench.hub.ctx.users.find(bound_to.encode())
        cn = found.name if found is not None else bound_to
        identity = Identity(f"CN={cn}", "fp", frozenset({Binding("cn", cn)}))
        transport.peer = transport.peer._replace(certificate=identity)
    secret = b"x" if tried.is_right else b"wrong"
    login = b"Action: Login\r\nUsername: " + name + b"\r\n"
    if tried.way == "md5":
        session.receive(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
        challenge = transport.take().partition(b"Challenge: ")[2].strip()
        key = hashlib.md5(challenge + secret, usedforsecurity=False).hexdigest().encode()
        login += b"AuthType: MD5\r\nKey: " + key + b"\r\n"
    elif tried.way == "plain":
        login += b"Secret: " + secret + b"\r\n"
    before, began = len(bench.verifier.asked), bench.clock.now()
    session.receive(login + b"\r\n")
    while not (answer := transport.take()):
        bench.clock.advance(0.1)
    delay = round(bench.clock.now() - began, 1)
    bound = session.route.bound
    where = None if session.principal.user is None else bound.name if bound is not None else "*"
    return answer, delay, len(bench.verifier.asked) - before, where


@given(tables(), st.lists(tries(), min_size=1, max_size=6), st.sets(st.sampled_from(SERVERS), min_size=1))
def test_logins_reach_permitted_servers_only_and_refusals_are_alike(
    users: list[User], attempts: list[Try], there: set[str]
) -> None:
    names = tuple(name for name in SERVERS if name in there)
    users = [
        # A table never has a server that is not configured.
        replace(user, servers=tuple(server for server in user.servers if server in there))
        for user in users
    ]
    bench = Bench(
        # Some user has a challenge, so that one is given.
        *users,
        User("other", md5_secret=b"y", servers=names),
        servers=Configured(names, named=True),
        limits=Limits(login_failure_burst=1000),
    )
    for one in attempts:
        tried = one._replace(entrance=one.entrance if one.entrance in there else "")
        answer, delay, compared, where = attempt(bench, tried)
        assert where == expected(users, names, tried), tried
        if where is None:
            assert answer == b"Response: Error\r\nMessage: Authentication failed\r\n\r\n"
            assert delay == 1.0
            assert compared == (0 if tried.way == "md5" else 1), tried
        else:
            assert b"Authentication accepted" in answer
            assert delay == 0.0
