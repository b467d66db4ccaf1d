"""How much one user puts into a channel of Asterisk."""

import pytest

from proxy.ami.message import Action
from proxy.config.limits import Limits
from proxy.core import stored
from proxy.core.stored import Stored

LIMITS = Limits(channel_variables=2, channel_variable_bytes=1024)


def setvar(channel: str, name: str, value: str = "1") -> Action:
    headers = {"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value}
    return Action((k.encode(), v.encode()) for k, v in headers.items())


@pytest.fixture
def kept() -> Stored:
    kept = Stored()
    kept.note("a", setvar("PJSIP/1", "ONE"))
    kept.note("a", setvar("PJSIP/1", "TWO"))
    return kept


@pytest.mark.parametrize(
    ("user", "action", "limit"),
    [
        ("a", setvar("PJSIP/1", "THREE"), "channel_variables"),
        ("a", setvar("pjsip/1", "THREE"), "channel_variables"),
        ("a", setvar("PJSIP/1", "TWO", "again"), ""),
        ("a", setvar("PJSIP/1", "TWO", "x" * 1024), "channel_variable_bytes"),
        ("a", setvar("PJSIP/2", "THREE"), ""),
        ("b", setvar("PJSIP/1", "THREE"), ""),
    ],
)
def test_each_channel_and_user_has_its_own(kept, user, action, limit):
    assert kept.excess(user, action, LIMITS) == limit


def test_memory_is_bounded_and_only_the_greediest_is_forgotten(kept, monkeypatch):
    monkeypatch.setattr(stored, "_MOST", 4)
    kept.note("b", setvar("PJSIP/1", "ONE"))
    kept.note("a", setvar("PJSIP/2", "ONE"))
    kept.note("a", setvar("PJSIP/2", "TWO"))
    assert kept.excess("a", setvar("PJSIP/1", "THREE"), LIMITS) == "", "its oldest channel"
    kept.note("a", setvar("PJSIP/2", "TWO", "again"))
    assert kept.excess("a", setvar("PJSIP/2", "THREE"), LIMITS) == "channel_variables"
