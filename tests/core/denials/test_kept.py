"""The last denied actions: bounded, with ids that never repeat, and without secrets."""

import pytest

from amiproxy.ami.message import Action, parse_action
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.denials import kept
from amiproxy.core.denials.kept import Denials, masked_copy
from amiproxy.core.ports import Peer


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def wall(self) -> float:
        return self.seconds


WHO = SessionFacts("s1", "ada", b"ada", Peer("192.0.2.1", 1), 0.0, 0.0)
PING = Action(((b"Action", b"Ping"),))


def action(text: str) -> Action:
    return parse_action(f"Action: {text}\r\n\r\n".encode())


def headers(text: str) -> dict[str, str]:
    copy, _ = masked_copy(action(text))
    return {name.decode(): value.decode() for name, value in copy.headers}


def test_an_action_is_found_by_its_id() -> None:
    denials = Denials(Clock())
    number = denials.keep(WHO._replace(server="pbx1"), action("Hangup\r\nChannel: x"), "classes")
    assert number is not None
    found = denials.find(number)
    assert found is not None
    assert (found.user, found.server, found.rule, found.at) == ("ada", "pbx1", "classes", 1000.0)
    assert denials.find(number + 1) is None


def test_ids_do_not_repeat_after_a_restart() -> None:
    clock = Clock()
    before = [Denials(clock).keep(WHO, PING, "x"), Denials(clock).keep(WHO, PING, "x")]
    clock.seconds += 0.01
    assert Denials(clock).keep(WHO, PING, "x") not in before
    denials = Denials(clock)
    assert denials.keep(WHO, PING, "x") != denials.keep(WHO, PING, "x")


def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT", 2)
    denials = Denials(Clock())
    ids = [denials.keep(WHO, PING, "x") or 0 for _ in range(3)]
    assert [denials.find(number) is not None for number in ids] == [False, True, True]


def test_all_of_them_have_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MAX_BYTES", 3 * (len(b"Action") + len(b"Ping")) - 1)
    denials = Denials(Clock())
    ids = [denials.keep(WHO, PING, "x") or 0 for _ in range(3)]
    assert [denials.find(number) is not None for number in ids] == [False, True, True]


def test_actions_that_are_too_long_or_before_login_are_not_kept() -> None:
    denials = Denials(Clock())
    long = Action((*PING.headers, *([(b"Channel", b"x" * 1000)] * 17)))
    assert denials.keep(WHO, long, "x") is None
    assert denials.keep(WHO._replace(user=None), PING, "x") is None


def test_what_the_audit_log_shows_is_kept() -> None:
    found = headers(
        "Originate\r\nChannel: PJSIP/100\r\nContext: sales\r\nExten: 5551234\r\nActionID: hunter2"
    )
    assert found == {"Action": "Originate", "Channel": "PJSIP/100", "Context": "sales", "Exten": "5551234"}


@pytest.mark.parametrize(
    "text",
    [
        "Originate\r\nChannel: IAX2/trunk:hunter2@host/1\r\nVariable: PIN=hunter2,A=hunter2",
        "Setvar\r\nVariable: PIN\r\nValue: hunter2",
        "Setvar\r\nVariable: GREETING\r\nValue: hunter2",
        "Login\r\nUsername: ada\r\nSecret: hunter2",
        "Challenge\r\nKey: hunter2",
        "Command\r\nCommand: database put auth 100 hunter2",
        "Originate\r\nChannel: PJSIP/1\r\nApplication: Authenticate\r\nData: hunter2",
        "Unheard\r\nSecret: hunter2\r\nOther: hunter2",
        "UserEvent\r\nUserEvent: a\r\nNote: hunter2",
        "MessageSend\r\nTo: pjsip:a\r\nBody: hunter2\r\nBase64Body: hunter2",
        "Hangup\r\nPassword: hunter2\r\nUnheard: hunter2",
        "DBPut\r\nFamily: a\r\nKey: b\r\nVal: hunter2",
    ],
)
def test_secrets_and_texts_are_not_kept(text: str) -> None:
    copy, hidden = masked_copy(action(text))
    assert b"hunter2" not in b"".join(value for _, value in copy.headers)
    assert hidden


def test_digits_are_masked() -> None:
    assert headers("PlayDTMF\r\nChannel: PJSIP/1-00000001\r\nDigit: 7")["Digit"] == "***"
