"""Which verdicts are cached, and until when."""

import pytest

from amiproxy.ami.actions import SHIPPED, ActionTable, OtherActions
from amiproxy.ami.message import Action
from amiproxy.core.model.users import User
from amiproxy.core.policy.verdict import Allow, Deny
from amiproxy.core.policy.verdicts import Verdicts

PING = Action([(b"Action", b"Ping"), (b"ActionID", b"1")])
GETVAR = Action([(b"Action", b"Getvar"), (b"Variable", b"X")])
ANN = User("ann")


class Judge:
    """Allows everything unless ``denies`` is set, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.denies = False
        self.rewrites = False
        self.verdicts = Verdicts(self.decide)

    def decide(self, user: User, action: Action, table: ActionTable) -> Allow | Deny:
        self.asked.append(action.key)
        if self.denies:
            return Deny(b"Permission denied", "test")
        return Allow(action.with_added([(b"X", b"y")]) if self.rewrites else action, "classes", True)


@pytest.fixture
def judge() -> Judge:
    return Judge()


def test_an_action_without_arguments_is_judged_once_and_keeps_its_own_action_id(judge: Judge) -> None:
    again = Action([(b"action", b"PING"), (b"ActionID", b"2")])
    assert judge.verdicts.on(ANN, PING, SHIPPED) == Allow(PING, "classes", True)
    assert judge.verdicts.on(ANN, again, SHIPPED) == Allow(again, "classes", True)
    assert judge.asked == [b"ping"]


@pytest.mark.parametrize(
    "action", [GETVAR, Action([(b"Action", b"UserEvent"), (b"x", b"")], None, (b": ", b""))]
)
def test_an_action_with_arguments_is_judged_each_time(judge: Judge, action: Action) -> None:
    for _ in range(2):
        judge.verdicts.on(ANN, action, SHIPPED)
    assert len(judge.asked) == 2


def test_a_refusal_is_not_cached(judge: Judge) -> None:
    judge.denies = True
    assert isinstance(judge.verdicts.on(ANN, PING, SHIPPED), Deny)
    judge.denies = False
    assert isinstance(judge.verdicts.on(ANN, PING, SHIPPED), Allow)


def test_an_action_rewritten_by_the_users_rules_is_rewritten_each_time(judge: Judge) -> None:
    judge.rewrites = True
    for _ in range(2):
        verdict = judge.verdicts.on(ANN, PING, SHIPPED)
        assert isinstance(verdict, Allow)
        assert verdict.action.get(b"x") == b"y"


def test_another_user_of_the_same_name_is_judged_again(judge: Judge) -> None:
    judge.verdicts.on(ANN, PING, SHIPPED)
    judge.denies = True
    assert isinstance(judge.verdicts.on(User("ann"), PING, SHIPPED), Deny)


def test_a_changed_action_table_is_judged_again(judge: Judge) -> None:
    judge.verdicts.on(ANN, PING, SHIPPED)
    judge.denies = True
    assert isinstance(judge.verdicts.on(ANN, PING, SHIPPED.with_others(OtherActions())), Deny)


def test_forgotten_users_are_judged_again(judge: Judge) -> None:
    judge.verdicts.on(ANN, PING, SHIPPED)
    judge.verdicts.forget()
    judge.denies = True
    assert isinstance(judge.verdicts.on(ANN, PING, SHIPPED), Deny)
