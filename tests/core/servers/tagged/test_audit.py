"""What the audit log says about an action that was sent over a tagged link: the id of its request."""

import logging

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Action
from amiproxy.ami.relay import request_id_of
from amiproxy.core.clients.session import Session
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.policy import Allow
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench
from tests.support.tagged import Sent, TaggedListUpstream, response, tag_up

NAMES = ("pbx1", "pbx2")
BOSS = User("boss", write=privilege.ALL, secret="plain:x", servers=NAMES, default_server="pbx1")
HANGUP = "Action: Hangup\nChannel: PJSIP/1-1"


def privileged(_user: User, action: Action, _table: object) -> Allow:
    return Allow(action, "test", True)


def send(session: Session, text: str) -> None:
    session.receive(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")


class Audited:
    """Two servers with tagged links, or with one."""

    def __init__(self, caplog: pytest.LogCaptureFixture, **limits: float) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        self._caplog = caplog
        self.bench = Bench(
            BOSS, servers=Configured(NAMES, named=True), limits=Limits(**limits), decide=privileged
        )
        self.upstreams: dict[str, TaggedListUpstream] = {name: tag_up(self.bench, at=name) for name in NAMES}

    def take(self, name: str) -> Sent:
        (sent,) = self.upstreams[name].take_sent()
        return sent

    def succeed(self, name: str) -> str:
        """Answer the one action that this server was sent; returns the id of its request."""
        sent = self.take(name)
        self.bench.server(name).answered(sent.relay_id, [response(sent.relay_id)], last=True)
        return request_id_of(sent.relay_id)

    def logged(self) -> list[object]:
        """The ids in the lines about actions that were allowed."""
        lines = [line for line in self._caplog.records if line.getMessage() == "action-allowed"]
        assert {line.fields["edge"] for line in lines} <= {None}
        return [line.fields["request"] for line in lines]


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Audited:
    return Audited(caplog)


@pytest.mark.parametrize("login", ["boss/pbx2", "boss"])
def test_each_action_is_logged_with_the_id_of_its_own_request(audited: Audited, login: str) -> None:
    session, _ = audited.bench.login(login)
    ids = []
    for _ in range(2):
        send(session, HANGUP + "\nServer: pbx2")
        ids.append(audited.succeed("pbx2"))
    assert audited.logged() == ids
    assert len({*ids}) == 2


def test_over_an_ordinary_link_there_is_no_id(audited: Audited) -> None:
    audited.bench.server("pbx1").link_down("test")
    audited.bench.link_up(at="pbx1")
    session, _ = audited.bench.login("boss")
    send(session, HANGUP)
    (asked,) = audited.bench.upstreams["pbx1"].take()
    audited.bench.answer(asked, b"", at="pbx1")
    assert audited.logged() == [None]


def test_a_list_of_several_servers_has_the_id_of_the_request_to_each(audited: Audited) -> None:
    session, _ = audited.bench.login("boss")
    send(session, "Action: QueueStatus\nServer: *")
    ids = [audited.succeed(name) for name in NAMES]
    assert audited.logged() == [",".join(ids)]


def test_a_shared_list_has_no_id_because_the_proxy_asks_for_it(audited: Audited) -> None:
    sessions = [audited.bench.login("boss/pbx1")[0] for _ in range(3)]
    for session in sessions:
        send(session, "Action: QueueStatus")
    alone = audited.succeed("pbx1")
    audited.bench.clock.advance(1.0)
    audited.bench.hub.tick(audited.bench.clock.now())
    audited.succeed("pbx1")
    audited.bench.clock.advance(1.0)
    assert audited.logged() == [alone, None, None]


def test_an_action_that_is_sent_in_parts_has_the_id_of_each(caplog: pytest.LogCaptureFixture) -> None:
    audited = Audited(caplog, link_hold=0.3)
    session, _ = audited.bench.login("boss")
    send(session, "Action: PlayMF\nChannel: SIP/1\nDigit: 123")
    ids = []
    for _ in range(20):
        if audited.upstreams["pbx1"].sent:
            ids.append(audited.succeed("pbx1"))
        audited.bench.clock.advance(1.0)
    assert len(ids) > 1
    assert audited.logged() == [",".join(ids)]
