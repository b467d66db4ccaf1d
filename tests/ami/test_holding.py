"""Actions that make Asterisk's session sleep, and the actions that are sent in their place."""

import pytest

from amiproxy.ami import holding
from amiproxy.ami.message import Action


def play(name: str, **headers: str) -> Action:
    return Action([(b"Action", name.encode()), *((k.encode(), v.encode()) for k, v in headers.items())])


@pytest.mark.parametrize(
    ("action", "seconds"),
    [
        # Measured on Asterisk 16.28 and 22.10.
        (play("PlayDTMF", Digit="1"), 0.1),
        (play("PlayDTMF", Digit="1", Duration="20"), 0.1),
        (play("PlayDTMF", Digit="1", Duration="300"), 0.3),
        (play("playdtmf", Digit="1", Duration="+300ms"), 0.3),
        (play("PlayDTMF", Digit="1", Duration="300", Receive="true"), 0),
        (play("PlayDTMF", Digit="1", Duration="-1"), 4294967.295),
        (play("PlayDTMF", Digit="1", Duration="4294967296"), 4294967.295),
        (play("PlayDTMF", Digit="1", Duration="long"), 0),
        (play("PlayDTMF"), 0),
        (play("PlayMF", Digit="1"), 0.255),
        (play("PlayMF", Digit="12"), 0.41),
        (play("PlayMF", Digit="*"), 0.32),
        (play("PlayMF", Digit="*1#"), 0.565),
        (play("PlayMF", Digit="w"), 0.6),
        (play("PlayMF", Digit="h"), 0.35),
        (play("PlayMF", Digit="W"), 0.2),
        (play("PlayMF", Digit="x"), 0.1),
        (play("PlayMF", Digit="1", Duration="300"), 0.5),
        (play("Getvar", Digit="1", Duration="300"), 0),
    ],
)
def test_an_action_holds_the_session_for_these_seconds(action, seconds):
    assert holding.seconds_of(action) == pytest.approx(seconds)


def test_a_short_tone_is_left_unchanged():
    action = play("PlayDTMF", Digit="1")
    assert holding.within(action, 0.2) == [action]


def test_a_long_tone_is_shortened():
    (sent,) = holding.within(play("PlayDTMF", Digit="1", Duration="3600000"), 0.2)
    assert sent == play("PlayDTMF", Digit="1", Duration="200")


def test_even_the_shortest_tone_may_be_too_long():
    assert holding.within(play("PlayDTMF", Digit="1"), 0.05) == []


def test_digits_are_sent_one_by_one_with_their_original_length():
    sent = holding.within(play("PlayMF", Digit="*1x#"), 0.3)
    assert sent == [play("PlayMF", Digit=digit, Duration="55") for digit in "*1#"]


def test_digits_that_are_too_long_are_shortened():
    sent = holding.within(play("PlayMF", Digit="12", Duration="5000"), 0.3)
    assert sent == [play("PlayMF", Digit=digit, Duration="100") for digit in "12"]


@pytest.mark.parametrize(("digits", "longest"), [("1", 0.2), ("1w", 0.3), ("12", 0.1)])
def test_a_tone_that_cannot_be_shortened_enough_is_not_sent(digits, longest):
    assert holding.within(play("PlayMF", Digit=digits), longest) == []


@pytest.mark.parametrize(
    ("action", "may"),
    [
        (play("Command", Command="core show uptime"), True),
        (play("UpdateConfig"), False),
        (play("UpdateConfig", Reload="yes"), True),
        (play("Getvar", Variable="CALLERID(num)"), False),
        (play("Getvar", Variable="curl(http://x)"), True),
        (play("Setvar", Variable="ODBC_CALLS(1)"), True),
        (play("Status", Variables="A,REALTIME(x)"), True),
        (play("MessageSend", To="sip:x"), True),
        (play("MailboxStatus", Mailbox="1"), True),
        (play("VoicemailUserStatus", Mailbox="1"), True),
        (play("VoicemailBoxSummary"), True),
        (play("CoreStatus"), False),
    ],
)
def test_actions_that_may_block_asterisk_use_the_side_link(action, may):
    assert holding.may_hold(action) is may
