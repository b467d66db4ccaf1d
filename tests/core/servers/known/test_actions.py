"""How the table of Asterisk's actions is learnt, and the names by which actions are counted."""

from collections.abc import Callable

import pytest

from amiproxy.ami.actions import SHIPPED, OtherActions
from amiproxy.ami.arguments import Described
from amiproxy.ami.message import Action, Message
from amiproxy.core.audit.actionstats import OTHER
from amiproxy.core.servers.known.actions import DELAY, KnownActions
from tests.support.core_doubles import HandClock

LISTED = b"Response: Success\r\nBrandnew: does.  (Priv: call,all)\r\n\r\n"


class Questions:
    """The actions that Asterisk was asked for; ``answer`` answers the first."""

    def __init__(self) -> None:
        self.open: list[tuple[Action, Callable[[bytes], None]]] = []

    def ask(self, action: Action, answer: Callable[[bytes], None]) -> None:
        self.open.append((action, answer))

    def answer(self, raw: bytes) -> None:
        action, answer = self.open.pop(0)
        assert action.key == b"listcommands"
        answer(raw)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def questions() -> Questions:
    return Questions()


@pytest.fixture
def actions(questions, clock) -> KnownActions:
    return KnownActions(questions.ask, clock)


def counted(actions: KnownActions, name: bytes) -> bytes:
    return actions.counted_name(Action([(b"Action", name)]))


def test_the_table_is_the_shipped_one_until_asterisk_has_listed_its_actions(actions, questions):
    assert actions.table is SHIPPED
    actions.learn()
    assert actions.table is SHIPPED
    questions.answer(LISTED)
    assert [row.name for row in actions.table.live] == [b"Brandnew"]


@pytest.mark.parametrize("raw", [b"", b"Response: Error\r\nMessage: no\r\n\r\n"])
def test_an_answer_without_actions_keeps_the_table(actions, questions, raw):
    actions.learn()
    questions.answer(LISTED)
    before = actions.table
    actions.learn()
    questions.answer(raw)
    assert actions.table is before


def test_after_an_answer_that_was_lost_asterisk_is_asked_again(actions, questions, clock):
    actions.learn()
    questions.answer(b"")
    assert not questions.open
    clock.advance(DELAY)
    questions.answer(LISTED)
    assert [row.name for row in actions.table.live] == [b"Brandnew"]


def test_several_changes_of_modules_lead_to_one_request(actions, questions, clock):
    for _ in range(2):
        actions.learn_soon()
        actions.learn_soon()
        clock.advance(DELAY - 0.1)
        assert not questions.open
        clock.advance(0.2)
        questions.answer(LISTED)
        assert not questions.open


def test_a_cancelled_request_is_not_sent(actions, questions, clock):
    actions.cancel()
    actions.learn_soon()
    actions.cancel()
    clock.advance(DELAY + 1)
    assert not questions.open


def test_descriptions_apply_before_and_after_learning(actions, questions):
    actions.describe(OtherActions({}, {b"brandnew": Described(b"Brandnew", ())}))
    actions.learn()
    questions.answer(LISTED)
    assert actions.table.described(b"brandnew") is not None
    actions.describe(OtherActions({}, {}))
    assert actions.table.described(b"brandnew") is None


def test_actions_are_counted_by_the_name_in_the_table(actions):
    assert counted(actions, b"cOrEsTaTuS") == b"CoreStatus"
    assert counted(actions, b"Made-up") == OTHER


def test_another_proxy_without_a_link_is_recognised(actions, questions):
    actions.learn()
    questions.answer(b"Response: Error\r\nActionID: 1\r\nMessage: Upstream not connected\r\n\r\n")
    assert actions.is_cut_off
    assert actions.table is SHIPPED
    actions.learn()
    questions.answer(LISTED)
    assert not actions.is_cut_off


PEERS = Action([(b"Action", b"SIPpeers")])


def test_an_action_that_asterisk_does_not_list_is_refused_in_its_place(actions, questions):
    assert actions.refusal_of(PEERS) == b""
    actions.learn()
    questions.answer(LISTED)
    assert Message(actions.refusal_of(PEERS)).get(b"message") == b"Invalid/unknown command: SIPpeers."
    assert actions.refusal_of(Action([(b"Action", b"BRANDNEW")])) == b""


def test_nothing_is_refused_while_the_actions_may_change(actions, questions, clock):
    actions.learn()
    questions.answer(LISTED)
    actions.learn_soon()
    assert actions.refusal_of(PEERS) == b""
    clock.advance(DELAY)
    assert actions.refusal_of(PEERS) == b""
    questions.answer(LISTED)
    assert actions.refusal_of(PEERS)


def test_a_question_that_was_lost_with_the_link_is_not_waited_for(actions, questions):
    actions.learn()
    questions.answer(LISTED)
    actions.learn()
    actions.cancel()
    assert actions.refusal_of(PEERS)
    questions.answer(b"")
    assert actions.refusal_of(PEERS)
