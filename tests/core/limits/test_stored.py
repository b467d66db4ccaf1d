"""How much one user stores in an Asterisk channel."""

import pytest

from amiproxy.ami.message import Action
from amiproxy.core.limits import stored
from amiproxy.core.limits.stored import Stored
from amiproxy.core.model.limits import Limits

LIMITS = Limits(channel_variables=2, channel_variable_bytes=1024)


def setvar(channel: str, name: str, value: str = "1") -> Action:
    headers = {"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value}
    return Action((k.encode(), v.encode()) for k, v in headers.items())


@pytest.fixture
def kept() -> Stored:
    kept = Stored()
    kept.take("a", setvar("PJSIP/1", "ONE"))
    kept.take("a", setvar("PJSIP/1", "TWO"))
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
def test_each_channel_and_user_has_its_own_count(kept, user, action, limit):
    assert kept.excess(user, action, LIMITS) == limit


def test_memory_is_bounded_and_only_the_greediest_users_entries_are_dropped(kept, monkeypatch):
    monkeypatch.setattr(stored, "_MOST", 4)
    kept.take("b", setvar("PJSIP/1", "ONE"))
    kept.take("a", setvar("PJSIP/2", "ONE"))
    kept.take("a", setvar("PJSIP/2", "TWO"))
    assert kept.excess("a", setvar("PJSIP/1", "THREE"), LIMITS) == "", "its oldest channel"
    kept.take("a", setvar("PJSIP/2", "TWO", "again"))
    assert kept.excess("a", setvar("PJSIP/2", "THREE"), LIMITS) == "channel_variables"


def test_variables_in_flight_count_and_refused_ones_do_not(kept):
    third = setvar("PJSIP/2", "ONE")
    for name in ("ONE", "TWO"):
        kept.take("a", setvar("PJSIP/2", name))
    assert kept.excess("a", setvar("PJSIP/2", "THREE"), LIMITS) == "channel_variables"
    kept.give_back("a", setvar("PJSIP/2", "TWO"), 0)
    assert kept.excess("a", setvar("PJSIP/2", "THREE"), LIMITS) == ""
    longer = setvar("PJSIP/2", "ONE", "x" * 1000)
    kept.give_back("a", longer, kept.take("a", longer))
    assert kept.excess("a", setvar("PJSIP/2", "TWO", "x" * 900), LIMITS) == "", "it counts as before"
    kept.take("a", longer)
    kept.give_back("a", third, 0)
    assert kept.excess("a", setvar("PJSIP/2", "TWO", "x" * 900), LIMITS) == "channel_variable_bytes"


def test_a_channels_uniqueid_has_no_account_of_its_own(kept):
    by_id = setvar("1700000000.1", "THREE")
    assert kept.is_unnamed(by_id)
    assert kept.excess("a", by_id, LIMITS) == ""
    kept.take("a", by_id)
    kept.named(b"1700000000.1", b"PJSIP/1")
    assert not kept.is_unnamed(by_id)
    assert kept.excess("a", setvar("1700000000.1", "FOUR"), LIMITS) == "channel_variables"
    assert kept.excess("b", by_id, LIMITS) == ""
    assert not kept.is_unnamed(setvar("PJSIP/2", "ONE"))
    assert not kept.is_unnamed(setvar("", "GLOBAL"))


def test_the_number_of_remembered_channel_names_is_bounded(kept, monkeypatch):
    monkeypatch.setattr(stored, "_MOST", 4)
    for number in range(5):
        kept.named(b"1700000000.%d" % number, b"PJSIP/%d" % number)
    assert kept.is_unnamed(setvar("1700000000.0", "ONE"))
    assert not kept.is_unnamed(setvar("1700000000.1", "ONE"))
