"""Which account is to be sent which events, and that the C program numbers events in the same order."""

import re
from pathlib import Path

import msgspec

from amiproxy.config import UserEntry
from amiproxy.core.model.phc import hash_secret
from tests.bench.accounts import EVERYTHING, SECRET, TYPES, board, desk, due, filtering, pairs


def names(mask):
    return {name for number, (name, _) in enumerate(TYPES) if mask >> number & 1}


def test_the_event_types_are_those_of_the_source_in_its_order():
    text = (Path(__file__).parent / "source.c").read_text()
    rows = re.findall(r'^    \{"(\w+)", "(\w+)", (\d+),', text, re.MULTILINE)
    assert tuple((name, class_) for name, class_, _ in rows) == TYPES
    assert sum(int(weight) for *_, weight in rows) == 100


def test_a_board_sees_everything_and_a_desk_less():
    assert board().sees == EVERYTHING
    assert names(EVERYTHING) - names(desk().sees) == {"RTCPSent", "PeerStatus"}


def test_filters_that_match_nothing_hide_nothing():
    accounts = filtering(3)
    assert {account.sees for account in accounts} == {EVERYTHING}
    assert len({account.filters for account in accounts}) == 3


def test_pairs_alternate_between_the_two_kinds():
    assert [account.sees == EVERYTHING for account in pairs(4)] == [True, False, True, False]
    assert len({account.name for account in pairs(4)}) == 4


def test_due_counts_the_events_that_an_account_sees():
    by_type = [0] * len(TYPES)
    by_type[0], by_type[7] = 5, 3
    assert due(board(), by_type) == 8
    assert due(desk(), by_type) == 5


def test_the_entries_are_valid_in_users_yaml():
    hashed = hash_secret(SECRET.encode(), memory_kib=64, passes=1)
    for account in (board(), desk(), *filtering(1)):
        entry = msgspec.convert(account.entry(hashed), UserEntry)
        assert len(list(entry.compiled_filters())) == len(account.filters)
