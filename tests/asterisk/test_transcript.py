"""The comparison of two doors leaves out values that are measured, and nothing else."""

import pytest

from tests.asterisk.dialogues.transcript import steady


def _event(*lines: str) -> bytes:
    return "\r\n".join(["Event: QueueCallerAbandon", "Privilege: agent,all", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    "header",
    ["HoldTime", "Holdtime", "TalkTime", "RingTime", "Wait", "Logintime", "Report0DLSR", "DurationMs"],
)
def test_a_measured_value_is_not_compared(header: str) -> None:
    assert steady([_event(f"{header}: 0")]) == steady([_event(f"{header}: 1")])


@pytest.mark.parametrize("header", ["Position", "Queue", "Waiting", "Timeout", "HoldTimeOf", "XReport0DLSR"])
def test_any_other_value_is_compared(header: str) -> None:
    assert steady([_event(f"{header}: 0")]) != steady([_event(f"{header}: 1")])
