"""The core decides on each row of rows.py as the row says."""

from types import SimpleNamespace

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import parse_action
from amiproxy.ami.privilege import parse_classes
from amiproxy.core.policy import Allow, Deny, decide, judge
from amiproxy.core.policy.reference.stricter import STRICTER as REASONS
from tests.core.policy.application_rows import APPLICATIONS
from tests.core.policy.rows import ROWS, STRICTER, Row, name_of

ALL_ROWS = [*ROWS, *APPLICATIONS]


@pytest.mark.parametrize("row", ALL_ROWS, ids=name_of)
def test_a_row_gets_its_verdict(row: Row) -> None:
    user = SimpleNamespace(write=parse_classes(row.write), rules=None)
    verdict = decide(user, parse_action(row.raw), SHIPPED)
    if row.text is None:
        assert verdict == Allow(parse_action(row.raw), "classes", verdict.privileged)
    else:
        assert verdict == Deny(row.text, row.rule)


@pytest.mark.parametrize("row", ALL_ROWS, ids=name_of)
def test_judging_step_by_step_gives_the_same_verdict(row: Row) -> None:
    user = SimpleNamespace(write=parse_classes(row.write), rules=None)
    action = parse_action(row.raw)
    *before, last = judge(user, action, SHIPPED)
    verdict = decide(user, action, SHIPPED)
    assert all(step.deny is None for step in before)
    assert last.deny == (verdict if isinstance(verdict, Deny) else None)
    described = SHIPPED.described(action.key)
    assert last.action in {action, described.canonical(action) if described else action}


def test_every_rule_stricter_than_asterisk_has_a_reason() -> None:
    stricter = {row.rule for row in ALL_ROWS if row.real == STRICTER}
    assert stricter <= REASONS.keys()
    assert REASONS.keys() <= {row.rule for row in ALL_ROWS}


def test_every_refused_action_has_an_allowed_row() -> None:
    actions = {row.action.split("\n")[0].lower() for row in ALL_ROWS if row.text is None}
    denied = {
        row.action.split("\n")[0].lower()
        for row in ALL_ROWS
        if row.text and row.rule not in {"classes", "unknown"}
    }
    assert denied <= actions
