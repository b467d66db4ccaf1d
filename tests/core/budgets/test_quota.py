"""Quotas on what a user may store in Asterisk, and on how long it may block it; without a session."""

import pytest

from amiproxy.ami.message import Action
from amiproxy.core.budgets.quota import BOUNDED, Excess, excess, parts_of
from amiproxy.core.model.limits import Limits
from amiproxy.core.servers.server import Server
from tests.support.core_doubles import Bench

LIMITS = Limits(
    channel_variables=1, channel_variable_bytes=100, queue_members=1, link_hold=0.5, rate_wait=2.0
)


def act(name: str, **headers: str) -> Action:
    return Action([(b"Action", name.encode()), *((k.encode(), v.encode()) for k, v in headers.items())])


@pytest.fixture
def server() -> Server:
    return Bench(limits=LIMITS).hub.servers.first


def test_variables_of_a_channel_are_bounded_in_number_and_in_bytes(server: Server) -> None:
    first = act("Setvar", Channel="PJSIP/1-1", Variable="A", Value="1")
    assert excess("u", first, server) is None
    server.stored.take("u", first)
    over = excess("u", act("Setvar", Channel="PJSIP/1-1", Variable="B", Value="1"), server)
    assert over is not None
    assert (over.limit, "1 names" in over.text) == ("channel_variables", True)
    over = excess("u", act("Setvar", Channel="PJSIP/1-1", Variable="A", Value="x" * 200), server)
    assert over is not None
    assert (over.limit, "100 bytes" in over.text) == ("channel_variable_bytes", True)


def test_members_of_a_queue_are_bounded(server: Server) -> None:
    first = act("QueueAdd", Queue="q", Interface="PJSIP/1")
    assert excess("u", first, server) is None
    server.members.take("u", first)
    over = excess("u", act("QueueAdd", Queue="q", Interface="PJSIP/2"), server)
    assert over is not None
    assert over.limit == "queue_members"
    assert excess("other", act("QueueAdd", Queue="q", Interface="PJSIP/2"), server) is None


def test_a_long_tone_is_shortened_and_many_digits_are_sent_one_by_one() -> None:
    [tone] = parts_of(act("PlayDTMF", Channel="c", Digit="1", Duration="9000"), LIMITS)
    assert isinstance(tone, Action)
    assert tone.get(b"duration") == b"500"
    parts = parts_of(act("PlayMF", Channel="c", Digit="123"), LIMITS)
    assert not isinstance(parts, Excess)
    assert [part.get(b"digit") for part in parts] == [b"1", b"2", b"3"]


def test_an_action_that_would_block_asterisk_for_too_long_is_refused() -> None:
    for digits in ("w" * 3, "1" * 100):
        refused = parts_of(act("PlayMF", Channel="c", Digit=digits), LIMITS)
        assert isinstance(refused, Excess), digits
        assert refused.limit == "link_hold"


def test_actions_with_a_quota_are_among_the_bounded_ones() -> None:
    assert {b"setvar", b"queueadd", b"playdtmf", b"playmf"} <= BOUNDED
