"""AGI commands: how a user's own lists change the table; the table's rows are in rows.py."""

from types import SimpleNamespace
from typing import Any

import pytest

from amiproxy.ami.message import parse_action
from amiproxy.ami.privilege import parse_classes
from amiproxy.core.model.rules import Rules
from amiproxy.core.policy.console.agi import agi, other_channels
from amiproxy.core.policy.verdict import Deny


def judged(command: str, write: str = "agi", **rules: Any) -> Deny | None:
    user = SimpleNamespace(write=parse_classes(write), rules=Rules(**rules) if rules else None)
    return agi(user, parse_action(f"Action: AGI\r\nChannel: A/1\r\nCommand: {command}\r\n\r\n".encode()))


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("RECORD FILE calls/1 wav # 1000 BEEP s=5", ""),
        ("record file /etc/x wav # 1000", "agi-command"),
        ("record file x wav;id # 1000", "agi-command"),
    ],
)
def test_a_user_whose_applications_include_record_may_record_by_agi_too(command: str, rule: str) -> None:
    refused = judged(command, applications=("Record",))
    assert ("" if refused is None else refused.rule) == rule
    assert judged(command) is not None
    assert judged(command, applications=("Playback",)) is not None


def test_a_refusal_says_which_kind_of_word_was_refused() -> None:
    refused = judged("STREAM FILE /x #")
    assert refused is not None
    assert (refused.rule, refused.text) == ("agi-command", b"Permission denied")
    assert "sounds folder" in refused.hint


def test_a_refusal_by_the_contexts_list_names_that_list() -> None:
    refused = judged("SET CONTEXT outside", contexts=("inside",))
    assert refused is not None
    assert refused.rule == "contexts"
    assert judged("SET CONTEXT inside", contexts=("inside",)) is None


def test_an_unknown_command_names_no_channel() -> None:
    assert other_channels([b"none", b"such", b"B/2"], b"A/1") == []
    assert other_channels([b"HANGUP", b"B/2"], b"A/1") == [b"B/2"]
