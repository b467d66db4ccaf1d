"""The findings of the doctor."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "unknown", "fail"]


class Finding(NamedTuple):
    """The result of one check.  ``remedy`` is empty if nothing needs to be done."""

    level: Level
    #: What was checked: ``asterisk``, ``certificates`` …
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {'; '.join(filter(None, (self.text, self.remedy)))}"


def ok(subject: str, text: str) -> Finding:
    """A finding that all is well."""
    return Finding("ok", subject, text)


def warn(subject: str, text: str, remedy: str) -> Finding:
    """A finding that it works but should be improved."""
    return Finding("warn", subject, text, remedy)


def unknown(subject: str, text: str, remedy: str) -> Finding:
    """A finding that it could not be checked; ``remedy`` says how to do it by hand."""
    return Finding("unknown", subject, text, remedy)


def fail(subject: str, text: str, remedy: str) -> Finding:
    """A finding that it does not work, or is unsafe."""
    return Finding("fail", subject, text, remedy)
