"""Rows of ami-facts.md §9."""

import pytest

from amiproxy.ami.message import Action
from amiproxy.core.servers import originate


def action(**headers: str) -> Action:
    return Action([(b"Action", b"Originate"), *((k.encode(), v.encode()) for k, v in headers.items())])


@pytest.mark.parametrize(
    ("value", "synchronous"),
    [
        ("", True),
        ("false", True),
        ("no", True),
        ("0", True),
        ("2", True),
        ("true", False),
        ("YES", False),
        ("1", False),
        ("On", False),
    ],
)
def test_async_values_are_read_as_asterisk_reads_them(value, synchronous):
    assert originate.is_synchronous(action(Async=value)) is synchronous


@pytest.mark.parametrize(
    ("headers", "fails"),
    [
        ({"Application": "Wait"}, False),
        ({"Exten": "1", "Context": "c"}, True),
        ({"Exten": "1", "Context": "c", "Priority": "0"}, True),
        ({"Exten": "1", "Context": "c", "Priority": "00x"}, True),
        ({"Exten": "1", "Context": "c", "Priority": "1"}, False),
        ({"Exten": "1", "Context": "c", "Priority": "label"}, False),
    ],
)
def test_calls_that_only_a_synchronous_originate_refuses_fail_at_once(headers, fails):
    assert originate.fails_at_once(action(**headers)) is fails


@pytest.mark.parametrize(
    ("headers", "sent", "seconds"),
    [
        ({}, "", 30.0),
        ({"Timeout": "4000"}, "4000", 4.0),
        ({"Timeout": "0"}, "60000", 60.0),
        ({"Timeout": "-1"}, "60000", 60.0),
        ({"Timeout": "999999999"}, "60000", 60.0),
        ({"Timeout": "soon"}, "soon", 30.0),
    ],
)
def test_every_call_has_a_bounded_timeout(headers, sent, seconds):
    clamped = originate.clamped(action(**headers), 60.0)
    assert clamped.get(b"timeout") == sent.encode()
    assert originate.seconds_of(clamped) == seconds


def test_a_synchronous_originate_is_turned_into_an_asynchronous_one():
    sent = originate.as_asynchronous(action(Async="no", Channel="a"))
    assert sent.headers == ((b"Action", b"Originate"), (b"Channel", b"a"), (b"Async", b"true"))


def test_the_users_variables_come_after_the_clients():
    client = action(Variable="a=1")
    assert originate.with_variables(client, ()) is client
    assert originate.with_variables(client, ((b"a", b"2"), (b"b", b"3"))).get_all(b"variable") == [
        b"a=1",
        b"a=2",
        b"b=3",
    ]
