"""The routes of operators are for users who see everything; see ``rights``."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.rules import ActionNames, Rules, Scope
from amiproxy.core.model.users import User
from amiproxy.net.doors.http.api.rights import may_operate, may_see_status
from tests.support.web_bench import WebBench


@pytest.mark.parametrize(
    ("rules", "sees", "operates"),
    [
        (None, True, True),
        (Rules(actions=ActionNames(deny=("Hangup",))), True, False),
        (Rules(commands=("core show channels",)), True, False),
        (Rules(scope=Scope(contexts=("sales",))), False, False),
        (Rules(scope=Scope(contexts=("sales",), more_events=True)), False, False),
    ],
)
def test_a_user_that_sees_only_some_calls_is_no_operator(
    rules: Rules | None, sees: bool, operates: bool
) -> None:
    user = User("oper", read=privilege.ALL, write=privilege.ALL, rules=rules)
    hub = WebBench(user).hub
    assert (may_see_status(user, hub), may_operate(user, hub)) == (sees, operates)
