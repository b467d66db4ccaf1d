"""The findings of the doctor."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "unknown", "fail"]


class DoctorFinding(NamedTuple):
    """The result of one check.  ``remedy`` is empty if nothing needs to be done."""

    level: Level
    #: What was checked: ``asterisk``, ``certificates`` …
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {'; '.join(filter(None, (self.text, self.remedy)))}"


def ok(subject: str, text: str) -> DoctorFinding:
    """A finding that all is well."""
    return DoctorFinding("ok", subject, text)


def warn(subject: str, text: str, remedy: str) -> DoctorFinding:
    """A finding that it works but should be improved."""
    return DoctorFinding("warn", subject, text, remedy)


def unknown(subject: str, text: str, remedy: str) -> DoctorFinding:
    """A finding that it could not be checked; ``remedy`` says how to do it by hand."""
    return DoctorFinding("unknown", subject, text, remedy)


def fail(subject: str, text: str, remedy: str) -> DoctorFinding:
    """A finding that it does not work, or is unsafe."""
    return DoctorFinding("fail", subject, text, remedy)
