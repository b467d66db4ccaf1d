"""The side link: actions that may block Asterisk's session get one of their own, with the same promises."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Action
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers.side import IDLE_SECONDS, RETRY_SECONDS
from tests.support.core_doubles import Bench, ListUpstream

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
OTHER = User("other", read=privilege.ALL, write=privilege.ALL, secret="plain:x")


class Opener:
    """Records the requests to open and close."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed: list[str] = []

    def open(self) -> None:
        self.opened += 1

    def close(self, reason: str) -> None:
        self.closed.append(reason)


class Sided(Bench):
    """A bench whose side link is a list too."""

    def __init__(self, **limits: float) -> None:
        super().__init__(BOSS, OTHER, limits=Limits(**limits))  # type: ignore[arg-type]
        self.opener = Opener()
        self.hub.servers.first.side.opener = self.opener
        self.side = ListUpstream()
        self.link_up()

    def side_up(self) -> None:
        self.hub.servers.first.side.link_up(self.side, b"")

    def side_answer(self, rest: bytes = b"") -> None:
        asked = self.side.take()[0]
        raw = b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\n" + rest + b"\r\n"
        self.hub.servers.first.side.from_upstream([raw])


@pytest.fixture
def bench() -> Sided:
    return Sided()


def send(session, text: str) -> None:
    session.receive(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")


def test_the_first_action_that_needs_it_opens_it_and_order_is_kept(bench):
    session, got = bench.login("boss")
    send(
        session, "Action: Command\nActionID: 1\nCommand: core show uptime\n\nAction: CoreStatus\nActionID: 2"
    )
    assert (bench.opener.opened, bench.hub.servers.first.side.standing) == (1, "opening")
    assert bench.upstream.take() == []
    bench.side_up()
    bench.side_answer(b"Output: 1\r\n")
    assert got.take() == b"Response: Success\r\nActionID: 1\r\nOutput: 1\r\n\r\n"
    (asked,) = bench.upstream.take()
    assert asked.get(b"action") == b"CoreStatus"


def test_an_action_that_blocks_it_delays_no_session_on_the_main_link(bench):
    (one, _), (two, got) = bench.login("boss"), bench.login("other")
    send(one, "Action: Command\nCommand: core show uptime")
    bench.side_up()
    send(two, "Action: CoreStatus\nActionID: 2")
    bench.answer(bench.upstream.take()[0], b"")
    assert got.take() == b"Response: Success\r\nActionID: 2\r\n\r\n"
    assert (bench.hub.servers.first.in_flight, bench.hub.servers.first.side.load) == (1, 1)


def test_a_refused_side_link_is_logged_once_and_the_main_link_is_used(bench, caplog):
    session, got = bench.login("boss")
    for number in (1, 2):
        send(session, f"Action: Command\nActionID: {number}\nCommand: core show uptime")
        if number == 1:
            bench.hub.servers.first.side.failed("Login Already In Use")
        bench.answer(bench.upstream.take()[0], b"")
        assert got.take() == b"Response: Success\r\nActionID: %d\r\n\r\n" % number
    assert (bench.opener.opened, bench.hub.servers.first.side.standing) == (1, "refused")
    assert [r.message for r in caplog.records].count("side-link-refused") == 1
    bench.clock.advance(RETRY_SECONDS)
    send(session, "Action: Command\nCommand: core show uptime")
    bench.hub.servers.first.side.failed("Login Already In Use")
    assert bench.opener.opened == 2
    assert [r.message for r in caplog.records].count("side-link-refused") == 1


def test_when_it_is_lost_each_asker_gets_outcome_unknown(bench):
    session, got = bench.login("boss")
    send(session, "Action: Reload\nActionID: 1")
    bench.side_up()
    bench.hub.servers.first.side.link_down("closed by Asterisk")
    assert b"Message: Upstream connection lost (outcome unknown)\r\n" in got.take()
    assert (bench.hub.servers.first.side.downs, bench.hub.servers.first.side.standing) == (1, "closed")


@pytest.mark.parametrize("opened", [False, True])
def test_it_closes_with_the_main_link(bench, opened):
    session, got = bench.login("boss")
    send(session, "Action: Reload\nActionID: 1")
    if opened:
        bench.side_up()
    bench.hub.servers.first.link_down("gone")
    text = b"Upstream connection lost (outcome unknown)" if opened else b"Upstream not connected"
    assert b"Response: Error\r\nActionID: 1\r\nMessage: " + text in got.take()
    assert bench.opener.closed == ["the main link is gone"]


@pytest.mark.parametrize("opened", [False, True])
def test_a_closed_session_gets_an_error_for_its_open_action(bench, opened):
    session, got = bench.login("boss")
    send(session, "Action: Reload\nActionID: 1")
    if opened:
        bench.side_up()
    session.close("kicked")
    assert b"Response: Error\r\nActionID: 1\r\nMessage: Session closed: kicked" in got.take()
    assert bench.hub.servers.first.side.load == 0 or opened


def test_an_action_of_a_session_lost_while_it_opens_is_not_sent(bench):
    session, _ = bench.login("boss")
    send(session, "Action: Reload")
    session.lost("reset")
    bench.side_up()
    assert bench.side.take() == []


def test_no_new_action_is_sent_while_draining(bench):
    (one, got), (two, other) = bench.login("boss"), bench.login("other")
    send(one, "Action: Reload\nActionID: 1")
    bench.hub.servers.first.drain()
    assert b"Message: Shutting down" in got.take()
    send(two, "Action: Reload\nActionID: 1")
    assert b"Message: Shutting down" in other.take()


def test_it_is_closed_when_idle(bench):
    session, _ = bench.login("boss")
    send(session, "Action: Reload")
    bench.side_up()
    bench.side_answer()
    bench.clock.advance(IDLE_SECONDS + 1)
    bench.hub.tick(bench.clock.now())
    assert (bench.opener.closed, bench.hub.servers.first.side.standing) == (["idle"], "closed")
    send(session, "Action: Reload")
    assert bench.opener.opened == 2


def test_events_and_unsolicited_messages_there_reach_no_client(bench):
    session, got = bench.login("boss")
    send(session, "Action: Reload")
    bench.side_up()
    bench.hub.servers.first.side.from_upstream(
        [b"Event: X\r\nPrivilege: call,all\r\n\r\n", b"rows\r\n\r\n", b"Response: Success\r\n\r\n"]
    )
    bench.hub.servers.first.side.oversized(b"Event: X\r\nPrivilege: call,all\r\n")
    assert got.take() == b""
    assert (bench.hub.servers.first.counts.strays, bench.hub.servers.first.counts.unsolicited_responses) == (
        1,
        1,
    )
    assert bench.hub.servers.first.counts.events_dropped == 2


def test_an_error_there_is_counted_and_ends_nothing(bench):
    session, got = bench.login("boss")
    send(session, "Action: Reload\nActionID: 1")
    bench.side_up()
    bench.side_answer()
    bench.hub.servers.first.side.exchange.ask(Action([(b"Action", b"Ping")]), lambda _: 1 // 0)
    bench.side_answer()
    assert bench.hub.stats.faults == 1
    send(session, "Action: Reload\nActionID: 2")
    bench.side_answer()
    assert got.take().count(b"Response: Success\r\n") == 2


def test_actions_that_arrive_while_it_opens_wait_for_the_same_login(bench):
    (one, got), (two, other) = bench.login("boss"), bench.login("other")
    for session in (one, two):
        send(session, "Action: Reload\nActionID: 1")
    assert (bench.opener.opened, bench.hub.servers.first.side.load) == (1, 2)
    bench.side_up()
    assert bench.hub.servers.first.side.standing == "up"
    assert bench.hub.servers.first.side.limits is bench.hub.limits
    bench.side_answer()
    bench.side_answer()
    for transport in (got, other):
        assert b"Response: Success\r\nActionID: 1\r\n\r\n" in transport.take()


def test_losing_it_while_unused_is_not_logged(bench, caplog):
    session, _ = bench.login("boss")
    send(session, "Action: Reload")
    bench.side_up()
    bench.side_answer()
    bench.hub.servers.first.side.link_down("closed by Asterisk")
    assert bench.hub.servers.first.side.downs == 0
    assert "side-link-lost" not in [r.message for r in caplog.records]


def test_it_carries_lists_and_reports_answers_that_are_too_long(bench):
    session, got = bench.login("boss")
    send(session, "Action: DBGetTree\nActionID: 1\nFamily: x")
    bench.side_up()
    relay_id = bench.side.take()[0].get(b"actionid")
    id_line = b"ActionID: " + relay_id + b"\r\n"
    item = b"Event: DBGetTreeResponse\r\n" + id_line + b"Key: k\r\n\r\n"
    start = b"Response: Success\r\n" + id_line + b"EventList: start\r\n\r\n"
    end = b"Event: DBGetTreeComplete\r\n" + id_line + b"EventList: Complete\r\n\r\n"
    bench.hub.servers.first.side.from_upstream([start, item, item, end])
    assert got.take().count(b"ActionID: 1\r\n") == 4
    send(session, "Action: Command\nActionID: 2\nCommand: core show uptime")
    bench.hub.servers.first.side.oversized(
        b"Response: Success\r\nActionID: " + bench.side.take()[0].get(b"actionid")
    )
    assert b"ActionID: 2\r\nMessage: Answer is longer than limits.upstream_message_bytes" in got.take()


def test_an_action_sent_after_it_was_closed_opens_it_again(bench):
    session, got = bench.login("boss")
    send(session, "Action: Reload\nActionID: 1\n\nAction: Reload\nActionID: 2")
    bench.side_up()
    bench.side.take()
    bench.hub.servers.first.side.close("settings changed")
    bench.hub.settle()
    assert got.take().count(b"Response:") == 1
    assert (bench.opener.opened, bench.hub.servers.first.side.standing) == (2, "opening")
    bench.side_up()
    bench.side_answer()
    assert got.take() == b"Response: Success\r\nActionID: 2\r\n\r\n"


class Answered:
    """A Collector that records what it was given."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def response(self, raw: bytes) -> None:
        self.got.append(raw)

    def item(self, raw: bytes) -> None:
        self.got.append(raw)

    def ended(self) -> None:
        self.got.append(b"ended")

    def failed(self, reason: bytes) -> None:
        self.got.append(b"failed")


class TestListsOfTheProxysOwn:
    ASKED = Action([(b"Action", b"CoreShowChannels")])

    def ask(self, bench: Sided, *, long: bool = True) -> Answered:
        answered = Answered()
        bench.server().ask_list(self.ASKED, answered, long=long)
        return answered

    @pytest.fixture
    def beside(self, bench: Sided) -> Sided:
        """A bench that has a link for lists."""
        bench.server().lists.opener = bench.opener
        return bench

    def test_a_short_one_takes_the_main_link(self, beside):
        answered = self.ask(beside, long=False)
        assert beside.opener.opened == 0
        beside.answer(beside.upstream.take()[0], b"", b"Error")
        assert answered.got[-1] == b"ended"

    def test_a_long_one_opens_the_link_for_lists_once(self, beside):
        first, second = self.ask(beside), self.ask(beside)
        assert beside.opener.opened == 1
        beside.server().lists.link_up(beside.side, b"")
        third = self.ask(beside)
        for asked in beside.side.take():
            raw = b"Response: Error\r\nActionID: " + asked.get(b"actionid") + b"\r\n\r\n"
            beside.server().lists.from_upstream([raw])
        assert [one.got[-1] for one in (first, second, third)] == [b"ended"] * 3

    def test_it_takes_the_main_link_if_there_is_no_other(self, bench, beside):
        answered = self.ask(beside)
        beside.server().lists.failed("refused")
        again = self.ask(beside)
        for asked in beside.upstream.take():
            beside.answer(asked, b"", b"Error")
        assert (answered.got[-1], again.got[-1]) == (b"ended", b"ended")

    def test_it_fails_when_the_main_link_is_lost_before_the_login(self, beside):
        answered = self.ask(beside)
        beside.server().link_down("gone")
        assert answered.got == [b"failed"]
        assert self.ask(beside).got == [b"failed"]
