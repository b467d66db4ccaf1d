"""What the doctor finds."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "unknown", "fail"]


class Finding(NamedTuple):
    """One thing looked at.  ``remedy`` is empty where nothing is to be done."""

    level: Level
    #: What was looked at: ``upstream``, ``certificates`` …
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {'; '.join(filter(None, (self.text, self.remedy)))}"


def ok(subject: str, text: str) -> Finding:
    """As it should be."""
    return Finding("ok", subject, text)


def warn(subject: str, text: str, remedy: str) -> Finding:
    """It works, and there is something better."""
    return Finding("warn", subject, text, remedy)


def unknown(subject: str, text: str, remedy: str) -> Finding:
    """It could not be looked at; ``remedy`` says how to."""
    return Finding("unknown", subject, text, remedy)


def fail(subject: str, text: str, remedy: str) -> Finding:
    """It does not work, or is unsafe."""
    return Finding("fail", subject, text, remedy)
