"""Health: is the process alive, and can clients use it?

Ready means that the service listens, is not stopping, and its certificates are valid;
with ``ready: upstream``, Asterisk must be connected, too: of several servers, at least one.
Problems that need an
operator but affect no client's login (a refused reload, a certificate that expires in
a week, a missing link to Asterisk) are reported as degraded, and the status stays 200:
taking the service out of rotation for them would turn a warning into an outage.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from amiproxy.net.admin.service import Service
from amiproxy.net.certs.certstore import CertStore
from amiproxy.x509.ending import Ending
from amiproxy.x509.expiry import Expiry, is_degraded


class Grade(Enum):
    """The result of one check; the result of all checks is the worst of them."""

    GOOD = "ready"
    DEGRADED = "degraded"
    BAD = "not ready"


#: Marks in the style of Kubernetes' health checks.
_MARKS = {Grade.GOOD: "[+]", Grade.DEGRADED: "[!]", Grade.BAD: "[-]"}


class Check(NamedTuple):
    """One check and its result."""

    name: str
    grade: Grade
    text: str

    def __str__(self) -> str:
        return f"{_MARKS[self.grade]} {self.name}: {self.text}"


def readiness(service: Service) -> tuple[Grade, list[Check]]:
    """The worst grade, and all checks."""
    checks = [
        _listening(service),
        *_certificates(service),
        _configuration(service),
        *_upstream(service),
        *_fleet(service),
    ]
    grades = {check.grade for check in checks}
    worst = next(grade for grade in (Grade.BAD, Grade.DEGRADED, Grade.GOOD) if grade in grades)
    return worst, checks


def is_ready(service: Service) -> bool:
    """Whether clients can use it, perhaps with problems that an operator should attend to."""
    return readiness(service)[0] is not Grade.BAD


def _listening(service: Service) -> Check:
    if service.draining:
        return Check("listeners", Grade.BAD, "stopping")
    return Check("listeners", Grade.GOOD, f"{len(service.addresses)} open")


def _certificates(service: Service) -> list[Check]:
    now = datetime.now(UTC)
    checks = []
    for settings, store in zip(service.config.tls_listeners, service.stores, strict=True):
        endings = store.current.endings
        served = [ending for ending in endings if ending.kind == "certificate"]
        judged_by = [ending for ending in endings if ending.kind != "certificate"]
        checks.append(_ending(f"certificate of {settings.address}", served, now))
        if judged_by:
            check = _ending(f"client CAs of {settings.address}", judged_by, now)
            # The listener still serves clients that need no certificate, or have one of another CA.
            worst = Grade.BAD if store.all_client_cas_expired(now) else Grade.DEGRADED
            checks.append(check._replace(grade=worst) if check.grade is Grade.BAD else check)
        checks.append(_files(f"certificate files of {settings.address}", store))
    return checks


def _ending(name: str, endings: Sequence[Ending], now: datetime) -> Check:
    """The check of the worst of these; of several equally bad ones, the first to expire."""
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
            "configuration", Grade.DEGRADED, "the last reload was refused; the old configuration is in force"
        )
    return Check("configuration", Grade.GOOD, "as on disk when last read")


def _upstream(service: Service) -> list[Check]:
    links = service.links
    needed = service.config.ready == "upstream" and not any(link.serves for link in links.values())
    missing = Grade.BAD if needed else Grade.DEGRADED
    is_named = service.hub.servers.named
    return [
        Check(
            f"upstream {name}" if is_named else "upstream",
            Grade.GOOD if link.serves else missing,
            link.standing,
        )
        for name, link in links.items()
    ]


def _fleet(service: Service) -> list[Check]:
    """Never bad: an agent serves local clients without engines, and the servers of an edge are above."""
    if service.fleet is None:
        return []
    missing = [
        f"{name}: {engine['reason'] or engine['state']}"
        for name, engine in service.fleet.status()["engines"].items()
        if engine["state"] != "connected"
    ]
    if missing:
        return [Check("fleet", Grade.DEGRADED, f"no engine for {', '.join(missing)}")]
    return [Check("fleet", Grade.GOOD, "connected")]
