"""Long answers use a link of their own, so that they delay no other session and stay unnoticed."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Message
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.policy import Allow
from amiproxy.core.servers.known.lengths import LONG_BYTES
from tests.core.servers.test_side import Opener
from tests.support.core_doubles import Bench, ListUpstream, event

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
OTHER = User("other", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
LONG = b"X: " + b"x" * (LONG_BYTES // 4) + b"\r\n"


class Wide(Bench):
    """A bench whose link for long answers is a list too, and on which boss had a long list."""

    def __init__(self, **limits: float) -> None:
        super().__init__(BOSS, OTHER, limits=Limits(**limits))  # type: ignore[arg-type]
        self.opener = Opener()
        self.hub.servers.first.lists.opener = self.opener
        self.lists = ListUpstream()
        self.link_up()
        self.session, self.got = self.login("boss")
        self.other, self.others = self.login("other")
        self.ask()
        self.feed(*listed(self.upstream.take()[0]))
        self.got.take()

    def ask(self, number: int = 1) -> None:
        send(self.session, f"Action: CoreShowChannels\nActionID: {number}")

    def lists_up(self) -> Message:
        self.hub.servers.first.lists.link_up(self.lists, b"")
        return self.lists.take()[0]


def listed(asked: Message, items: int = 6, *, end: bool = True) -> list[bytes]:
    relay_id = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
    start = b"Response: Success\r\n" + relay_id + b"EventList: start\r\n\r\n"
    item = b"Event: CoreShowChannel\r\n" + relay_id + LONG + b"\r\n"
    last = b"Event: CoreShowChannelsComplete\r\n" + relay_id + b"EventList: Complete\r\nListItems: 6\r\n\r\n"
    return [start, *[item] * items, *([last] if end else [])]


def send(session, text: str) -> None:
    session.receive(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")


@pytest.fixture
def bench() -> Wide:
    return Wide()


def test_the_next_long_list_delays_no_other_session(bench):
    bench.ask(2)
    assert bench.upstream.take() == []
    asked = bench.lists_up()
    send(bench.other, "Action: Getvar\nActionID: 7\nVariable: X")
    bench.answer(bench.upstream.take()[0], b"Value: 1\r\n")
    assert b"ActionID: 7\r\n" in bench.others.take()
    bench.hub.servers.first.lists.from_upstream(listed(asked))
    answer = bench.got.take()
    assert answer.count(b"ActionID: 2\r\n") == 8
    assert b"EventList: Complete\r\n" in answer


def test_actions_waiting_on_the_side_link_do_not_delay_a_list(bench):
    side, bench.hub.servers.first.side.opener = ListUpstream(), Opener()
    send(bench.other, "Action: Command\nCommand: core show uptime")
    bench.hub.servers.first.side.link_up(side, b"")
    bench.ask(2)
    bench.hub.servers.first.lists.from_upstream(listed(bench.lists_up()))
    assert b"EventList: Complete\r\n" in bench.got.take()
    assert bench.hub.servers.first.in_flight == 1


def test_events_during_a_list_are_delivered_after_it(bench):
    bench.ask(2)
    first, *rest = listed(bench.lists_up())
    bench.hub.servers.first.lists.from_upstream([first])
    bench.feed(event("Hangup", Channel="Local/1@x-1"))
    bench.clock.advance(1.0)
    assert b"EventList: start" in bench.got.take(), "answers are not kept back"
    assert b"Event: Hangup" in bench.others.take(), "nor are the events of others"
    bench.hub.servers.first.lists.from_upstream(rest)
    got = bench.got.take()
    assert 0 < got.index(b"EventList: Complete") < got.index(b"Event: Hangup")


def test_events_before_a_list_are_delivered_before_it(bench):
    bench = Wide()
    bench.pacing.shortest = bench.pacing.longest = 60.0
    bench.feed(event("Newchannel", Channel="Local/1@x-1"))
    bench.got.take()
    bench.feed(event("Newstate", Channel="Local/1@x-1"))
    bench.ask(2)
    bench.lists_up()
    assert b"Event: Newstate" in bench.got.take()


def test_events_are_delivered_while_a_list_waits_to_be_sent(bench):
    bench.ask(2)
    bench.feed(event("Newchannel", Channel="Local/1@x-1"))
    bench.clock.advance(1.0)
    assert b"Event: Newchannel" in bench.got.take()


def test_events_wait_while_an_answer_in_rows_comes_on_the_link_for_lists(bench):
    send(bench.session, "Action: IAXnetstats\nActionID: 1")
    _, ping = bench.upstream.take()
    bench.feed(*[LONG] * 5)
    bench.answer(ping, b"Ping: Pong\r\n")
    send(bench.session, "Action: IAXnetstats\nActionID: 2")
    assert bench.lists_up().get(b"action") == b"IAXnetstats"
    bench.got.take()
    bench.feed(event("Hangup", Channel="Local/1@x-1"))
    bench.clock.advance(1.0)
    assert b"Event: Hangup" not in bench.got.take()
    assert b"Event: Hangup" in bench.others.take()


def test_a_list_uses_the_main_link_when_its_own_is_refused(bench):
    bench.ask(2)
    bench.hub.servers.first.lists.failed("Login Already In Use")
    bench.feed(*listed(bench.upstream.take()[0]))
    assert b"EventList: Complete\r\n" in bench.got.take()


def test_an_action_whose_event_carries_its_id_stays_on_the_main_link(bench):
    send(bench.session, "Action: UserEvent\nUserEvent: X")
    asked = bench.upstream.take()[0]
    bench.answer(asked, LONG * 5)
    send(bench.session, "Action: UserEvent\nUserEvent: X")
    assert bench.upstream.take()[0].get(b"action") == b"UserEvent"


def test_an_event_of_another_module_has_its_askers_action_id(bench):
    described = {b"rptstatus": Answer(AnswerKind.LIST, b"RptStatusComplete")}
    (place,) = bench.session.route.places
    place.judge = lambda user, action, table: Allow(action, "test", False)
    bench.hub.servers.first.adopt_actions(OtherActions(answers=described))
    send(bench.session, "Action: RptStatus\nActionID: 9")
    relay_id = bench.lists_up().get(b"actionid").decode()
    bench.feed(event("RptStatusChanged", ActionID=relay_id))
    bench.clock.advance(1.0)
    told = bench.others.take()
    assert b"Event: RptStatusChanged" in told
    assert b"ActionID: 9\r\n" in told
    assert relay_id.encode() not in told


def test_an_answer_too_long_to_keep_counts_as_long(bench):
    send(bench.other, "Action: Status\nActionID: 1")
    asked = bench.upstream.take()[0]
    bench.hub.servers.first.oversized(b"Response: Success\r\nActionID: " + asked.get(b"actionid"))
    bench.feed(b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\n\r\n")
    send(bench.other, "Action: Status\nActionID: 2")
    assert bench.upstream.take() == []
    assert bench.hub.servers.first.lists.load == 1


def test_link_share_applies_there_too_while_others_use_the_main_link():
    bench = Wide(link_share=0.2)
    bench.ask(2)
    asked = bench.lists_up()
    bench.clock.advance(1.0)
    send(bench.other, "Action: Getvar\nVariable: X")
    bench.hub.servers.first.lists.from_upstream(listed(asked))
    bench.ask(3)
    assert bench.lists.take() == []
    bench.clock.advance(10.0)
    assert len(bench.lists.take()) == 1
