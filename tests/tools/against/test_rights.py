"""Whether a changed key of a user widens or narrows its rights."""

from typing import Any

import pytest

from amiproxy.config import UserEntry
from amiproxy.config.plain import plain
from amiproxy.core.model.limits import UserLimits
from amiproxy.core.model.rules import ActionNames, Rule, Scope
from amiproxy.tools.against.rights import _JUDGES, direction


def at_server(**keys: Any) -> dict[str, Any]:
    return {"read": None, "write": None, "rules": [], "scope": None, **keys}


FIRST, SECOND = Rule(action="A", header="X"), Rule(action="B", header="X")


@pytest.mark.parametrize(
    ("key", "narrow", "wide"),
    [
        ("read", "none", "call"),
        ("read", "call,agent", "all"),
        ("write", "call", "call,agent"),
        ("contexts", [], ["a"]),
        ("contexts", ["a"], None),
        ("channels", ["a"], ["b", "a"]),
        ("commands", ["a"], None),
        ("variables", [], None),
        ("functions", ["a"], ["a", "b"]),
        ("applications", [], ["a"]),
        ("technologies", ["SIP"], ["SIP", "PJSIP"]),
        ("hosts", None, ["a"]),
        ("hosts", ["a"], ["a", "b"]),
        ("actions", plain(ActionNames()), None),
        ("actions", plain(ActionNames(allow=("a",))), plain(ActionNames())),
        ("actions", plain(ActionNames(allow=("a",), deny=("b",))), plain(ActionNames(allow=("a", "c")))),
        ("actions", plain(ActionNames(deny=("a", "b"))), plain(ActionNames(deny=("b",)))),
        ("rules", plain((FIRST, SECOND)), plain((SECOND,))),
        ("scope", plain(Scope()), None),
        ("scope", plain(Scope()), plain(Scope(channels=("a",), more_events=True))),
        ("acl", ["deny 0.0.0.0/0"], []),
        ("eventfilter", ["!Event: X"], []),
        ("allowmultiplelogin", False, True),
        ("history", False, True),
        ("doors", ["ami"], ["ami", "ws"]),
        ("limits", plain(UserLimits(sessions=1)), plain(UserLimits(sessions=2))),
        ("servers", ["pbx1"], ["pbx1", "pbx2"]),
        ("servers", ["upstream:"], ["pbx1", "pbx2"]),
        ("on", {"pbx2": at_server(write="none")}, {}),
        ("on", {"pbx2": at_server(write="call")}, {"pbx2": at_server(write="call,agent")}),
        ("on", {"pbx2": at_server(read="call")}, {"pbx2": at_server(write=None)}),
        ("on", {"pbx2": at_server(scope=plain(Scope()))}, {"pbx2": at_server()}),
        ("on", {"pbx2": at_server(rules=plain((FIRST,)))}, {"pbx2": at_server()}),
        ("on", {"pbx1": at_server(read="none"), "pbx2": at_server()}, {"pbx1": at_server(read="call")}),
    ],
)
def test_more_is_wider_and_less_is_narrower(key: str, narrow: Any, wide: Any) -> None:
    assert direction(key, narrow, wide) == "wider"
    assert direction(key, wide, narrow) == "narrower"


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("read", "call", "agent"),
        ("servers", ["upstream:"], ["pbx1"]),
        ("servers", ["pbx1"], ["pbx2"]),
        ("on", {"pbx1": at_server(read="none")}, {"pbx2": at_server(read="none")}),
        ("on", {"pbx2": at_server(read="none")}, {"pbx2": at_server(write="none")}),
        ("on", "a form of another version", {}),
        ("read", "a-class-of-another-version", "call"),
        ("contexts", ["a"], ["b"]),
        # Each can allow what is not allowed without a list, and exclude what is.
        ("functions", None, ["a"]),
        ("applications", None, []),
        ("technologies", None, ["SIP"]),
        ("actions", plain(ActionNames(allow=("a",))), plain(ActionNames(allow=("a", "b"), deny=("c",)))),
        ("rules", plain((FIRST,)), plain((SECOND,))),
        ("scope", plain(Scope(channels=("a",))), plain(Scope(contexts=("a",)))),
        ("acl", ["deny 0.0.0.0/0"], ["deny 10.0.0.0/8"]),
        ("limits", plain(UserLimits()), plain(UserLimits(sessions=2))),
        (
            "limits",
            plain(UserLimits(sessions=2, action_rate=1)),
            plain(UserLimits(sessions=1, action_rate=2)),
        ),
        ("allowmultiplelogin", True, "of another version"),
        ("slow_consumer", None, "close"),
        ("secret", "fingerprint:1", "fingerprint:2"),
    ],
)
def test_no_direction_is_given_where_the_values_do_not_tell(key: str, one: Any, other: Any) -> None:
    assert direction(key, one, other) == ""
    assert direction(key, other, one) == ""


def test_keys_that_are_judged_exist() -> None:
    assert set(_JUDGES) <= set(UserEntry.__struct_fields__)


def test_every_limit_of_a_user_is_judged() -> None:
    for name in UserLimits.__struct_fields__:
        one, other = (plain(UserLimits(**{name: value})) for value in (1, 2))
        assert direction("limits", one, other) == "wider"
