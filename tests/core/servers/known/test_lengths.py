"""Which actions are expected to take long, judged by the same user's earlier ones."""

import pytest

from amiproxy.core.servers.known.lengths import _KINDS, LONG_BYTES, LONG_SECONDS, Lengths

LONG = 4 * LONG_BYTES
QUICK = 0.0005


@pytest.fixture
def lengths() -> Lengths:
    return Lengths()


def is_long(lengths: Lengths, user: str, key: bytes, now: float, *, lists: bool) -> bool:
    """As the hub asks: ``lists`` says that the action may be a list."""
    long = lengths.is_long(user, key, now)
    return lists and lengths.is_first_list_long(user, key, now) if long is None else long


def test_a_long_answer_is_expected_to_be_long_again_for_a_while(lengths):
    assert not is_long(lengths, "one", b"status", 0.0, lists=True)
    lengths.note("one", b"status", LONG, QUICK, 0.0)
    for second in range(100):
        lengths.note("one", b"status", 100, QUICK, float(second))
    assert is_long(lengths, "one", b"status", 100.0, lists=True), "short ones make no room for it"
    assert not is_long(lengths, "one", b"status", 121.0, lists=True)
    lengths.note("one", b"status", 200, QUICK, 10_000.0)
    assert not is_long(lengths, "one", b"status", 10_000.0, lists=True)


def test_one_users_long_answer_does_not_affect_a_user_with_short_ones(lengths):
    lengths.note("other", b"status", 100, QUICK, 0.0)
    lengths.note("one", b"status", LONG, QUICK, 1.0)
    assert not is_long(lengths, "other", b"status", 1.0, lists=True)


def test_a_first_list_is_expected_to_resemble_other_users_and_the_users_other_lists(lengths):
    lengths.note("one", b"status", LONG, QUICK, 0.0)
    assert is_long(lengths, "other", b"status", 1.0, lists=True)
    assert is_long(lengths, "one", b"queuestatus", 1.0, lists=True)
    assert not is_long(lengths, "other", b"queuestatus", 1.0, lists=True)
    assert not is_long(lengths, "one", b"getvar", 1.0, lists=False)


def test_one_delay_makes_no_kind_slow_but_several_do(lengths):
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


def test_no_kind_counts_as_slow_where_everything_is_slow(lengths):
    for _ in range(300):
        lengths.note("one", b"getvar", 100, 2 * LONG_SECONDS, 0.0)
    assert not is_long(lengths, "one", b"getvar", 0.0, lists=False)


def test_memory_is_bounded_however_many_names_a_user_has(lengths):
    for number in range(_KINDS + 10):
        lengths.note("one", b"%d" % number, 1, QUICK, 0.0)
    assert len(lengths._kinds) == _KINDS
