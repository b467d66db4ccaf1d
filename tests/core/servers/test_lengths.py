"""Which actions are expected to take long, by what the same user's last ones took."""

import pytest

from amiproxy.core.servers.lengths import _KINDS, LONG_BYTES, LONG_SECONDS, Lengths

LONG = 4 * LONG_BYTES
QUICK = 0.0005


@pytest.fixture
def lengths() -> Lengths:
    return Lengths()


def is_long(lengths: Lengths, user: str, key: bytes, now: float, *, lists: bool) -> bool:
    """As the hub asks: the second question is for an action that may be a list."""
    long = lengths.is_long(user, key, now)
    return lists and lengths.is_first_list_long(user, key, now) if long is None else long


def test_a_long_one_is_expected_to_be_long_again_until_that_is_forgotten(lengths):
    assert not is_long(lengths, "one", b"status", 0.0, lists=True)
    lengths.note("one", b"status", LONG, QUICK, 0.0)
    for second in range(100):
        lengths.note("one", b"status", 100, QUICK, float(second))
    assert is_long(lengths, "one", b"status", 100.0, lists=True), "short ones make no room for it"
    assert not is_long(lengths, "one", b"status", 121.0, lists=True)
    lengths.note("one", b"status", 200, QUICK, 10_000.0)
    assert not is_long(lengths, "one", b"status", 10_000.0, lists=True)


def test_what_one_user_was_answered_does_not_send_aside_what_another_knows_to_be_short(lengths):
    lengths.note("other", b"status", 100, QUICK, 0.0)
    lengths.note("one", b"status", LONG, QUICK, 1.0)
    assert not is_long(lengths, "other", b"status", 1.0, lists=True)


def test_the_first_list_is_expected_to_be_as_others_were_and_as_the_user_s_other_lists(lengths):
    lengths.note("one", b"status", LONG, QUICK, 0.0)
    assert is_long(lengths, "other", b"status", 1.0, lists=True)
    assert is_long(lengths, "one", b"queuestatus", 1.0, lists=True)
    assert not is_long(lengths, "other", b"queuestatus", 1.0, lists=True)
    assert not is_long(lengths, "one", b"getvar", 1.0, lists=False)


def test_a_single_hiccup_makes_no_kind_slow_and_several_slow_ones_do(lengths):
    for _ in range(50):
        lengths.note("one", b"getvar", 100, QUICK, 0.0)
    lengths.note("one", b"getvar", 100, 1.0, 0.0)
    assert not is_long(lengths, "one", b"getvar", 0.0, lists=False)
    for _ in range(10):
        lengths.note("one", b"other", 100, 1.0, 0.0)
        lengths.note("one", b"getvar", 100, QUICK, 0.0)
    assert is_long(lengths, "one", b"other", 0.0, lists=False)
    assert not is_long(lengths, "one", b"getvar", 0.0, lists=False)
    for _ in range(40):
        lengths.note("one", b"other", 100, QUICK, 0.0)
    assert not is_long(lengths, "one", b"other", 0.0, lists=False), "it has become quick"


def test_where_everything_is_slow_no_kind_is(lengths):
    for _ in range(300):
        lengths.note("one", b"getvar", 100, 2 * LONG_SECONDS, 0.0)
    assert not is_long(lengths, "one", b"getvar", 0.0, lists=False)


def test_no_more_is_remembered_than_a_user_with_many_names_may_cost(lengths):
    for number in range(_KINDS + 10):
        lengths.note("one", b"%d" % number, 1, QUICK, 0.0)
    assert len(lengths._kinds) == _KINDS
