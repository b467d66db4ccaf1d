"""Health: is the process alive, and can clients use it?

Ready means: it listens, is not stopping, and what it serves is valid; with
``ready: upstream`` Asterisk must be there, too.  What needs somebody's
attention but keeps nobody out (a refused reload, a certificate with a week to
go, an Asterisk that is away) is told as degraded, and the answer stays 200: to
take the service away for it would make an outage of a warning.
"""

from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from proxy.net.link import LinkState
from proxy.net.service import Service
from proxy.x509.expiry import Expiry, describe_time_left, expiry_state, is_degraded


class Grade(Enum):
    """Of one check, and with the worst of all of the whole."""

    GOOD = "ready"
    DEGRADED = "degraded"
    BAD = "not ready"


#: As Kubernetes prints its own checks.
_MARKS = {Grade.GOOD: "[+]", Grade.DEGRADED: "[!]", Grade.BAD: "[-]"}


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    grade: Grade
    text: str

    def __str__(self) -> str:
        return f"{_MARKS[self.grade]} {self.name}: {self.text}"


def readiness(service: Service) -> tuple[Grade, list[Check]]:
    """The worst grade, and each check."""
    checks = [_listening(service), *_certificates(service), _configuration(service), _upstream(service)]
    grades = {check.grade for check in checks}
    worst = next(grade for grade in (Grade.BAD, Grade.DEGRADED, Grade.GOOD) if grade in grades)
    return worst, checks


def _listening(service: Service) -> Check:
    if service.draining:
        return Check("listeners", Grade.BAD, "stopping")
    return Check("listeners", Grade.GOOD, f"{len(service.addresses)} open")


def _certificates(service: Service) -> list[Check]:
    now = datetime.now(UTC)
    checks = []
    for settings, store in zip(service.config.listeners, service.stores, strict=True):
        first = min((pair.facts for pair in store.current.pairs), key=lambda facts: facts.not_after)
        state = expiry_state(first.not_after, now)
        ended = state is Expiry.EXPIRED
        grade = Grade.BAD if ended else Grade.DEGRADED if is_degraded(state) else Grade.GOOD
        verb = "expired" if ended else "expires"
        name = first.names[0] if first.names else first.subject
        text = f"{name} {verb} {describe_time_left(first.not_after, now)} ({first.not_after:%Y-%m-%d})"
        checks.append(Check(f"certificate of {settings.address}", grade, text))
    return checks


def _configuration(service: Service) -> Check:
    if service.reloads.failed:
        return Check(
            "configuration", Grade.DEGRADED, "the last reload was refused; the one before is in force"
        )
    return Check("configuration", Grade.GOOD, "as on disk when last read")


def _upstream(service: Service) -> Check:
    state = service.link.state
    if state is LinkState.UP:
        return Check("upstream", Grade.GOOD, state.value)
    needed = service.config.ready == "upstream"
    return Check("upstream", Grade.BAD if needed else Grade.DEGRADED, state.value)
