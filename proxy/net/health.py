"""Health: is the process alive, and can clients use it?

Ready means: it listens, is not stopping, and what it serves is valid; with
``ready: upstream`` Asterisk must be there, too.  What needs somebody's
attention but keeps nobody out (a refused reload, a certificate with a week to
go, an Asterisk that is away) is told as degraded, and the answer stays 200: to
take the service away for it would make an outage of a warning.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from proxy.net.certstore import CertStore
from proxy.net.service import Service
from proxy.x509.ending import Ending
from proxy.x509.expiry import Expiry, is_degraded


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
        endings = store.current.endings
        served = [ending for ending in endings if ending.kind == "certificate"]
        judged_by = [ending for ending in endings if ending.kind != "certificate"]
        checks.append(_ending(f"certificate of {settings.address}", served, now))
        if judged_by:
            check = _ending(f"client CAs of {settings.address}", judged_by, now)
            # An open listener goes on for those who need no certificate, or have another CA's.
            worst = Grade.BAD if store.nobody_enters(now) else Grade.DEGRADED
            checks.append(check._replace(grade=worst) if check.grade is Grade.BAD else check)
        checks.append(_files(f"certificate files of {settings.address}", store))
    return checks


def _ending(name: str, endings: Sequence[Ending], now: datetime) -> Check:
    """What is worst of them, and of what is equally bad the first to end."""
    first = min(endings, key=lambda ending: (-ending.state(now), ending.at))
    state = first.state(now)
    grade = Grade.BAD if state is Expiry.EXPIRED else Grade.DEGRADED if is_degraded(state) else Grade.GOOD
    return Check(name, grade, first.describe(now).removeprefix("certificate of "))


def _files(name: str, store: CertStore) -> Check:
    last = store.last_result
    return Check(name, Grade.GOOD, "as on disk") if last.succeeded else Check(name, Grade.DEGRADED, str(last))


def _configuration(service: Service) -> Check:
    if service.reloads.failed:
        return Check(
            "configuration", Grade.DEGRADED, "the last reload was refused; the one before is in force"
        )
    return Check("configuration", Grade.GOOD, "as on disk when last read")


def _upstream(service: Service) -> Check:
    link = service.link
    if link.serves:
        return Check("upstream", Grade.GOOD, link.standing)
    needed = service.config.ready == "upstream"
    return Check("upstream", Grade.BAD if needed else Grade.DEGRADED, link.standing)
