"""Log events about certificates: reloads, changes, refusals, warnings and approaching expiry."""

from amiproxy import log
from amiproxy.net.certs.result import Change, ReloadResult
from amiproxy.net.certs.rotation import ExpiryNotice
from amiproxy.x509.expiry import Expiry
from amiproxy.x509.validating.findings import Finding


def tell_reload(result: ReloadResult) -> None:
    """Log the outcome, then each newly served certificate, refusal and warning."""
    level = log.INFO if result.succeeded else log.ERROR
    log.say(
        level, "certificates", outcome=result.outcome, trigger=result.trigger, generation=result.generation
    )
    for change in result.changes:
        _tell_change(change)
    tell_findings(result)


def tell_findings(result: ReloadResult) -> None:
    """Log why files were refused, and warnings about files that are served nevertheless."""
    for finding in result.findings:
        if finding.level == "error":
            _tell_finding(log.ERROR, "certificate-refused", finding)
        else:
            _tell_finding(log.WARNING, "certificate-doubtful", finding)


def tell_expiry(notice: ExpiryNotice) -> None:
    """Log an approaching expiry: as a warning, and as an error from ``Expiry.URGENT`` on."""
    level = log.WARNING if notice.state < Expiry.URGENT else log.ERROR
    log.say(level, "certificate-expires", state=str(notice.state), reason=notice.text)


def _tell_change(change: Change) -> None:
    new, old = change.new, change.old
    log.say(
        log.INFO,
        "certificate-served",
        subject=new.subject,
        names=",".join(new.names),
        serial=new.serial,
        sha256=new.sha256,
        valid_from=f"{new.not_before:%Y-%m-%dT%H:%MZ}",
        valid_until=f"{new.not_after:%Y-%m-%dT%H:%MZ}",
        before_subject=old.subject if old is not None else None,
        before_serial=old.serial if old is not None else None,
        before_sha256=old.sha256 if old is not None else None,
        before_valid_until=f"{old.not_after:%Y-%m-%dT%H:%MZ}" if old is not None else None,
    )


def _tell_finding(level: int, what: str, finding: Finding) -> None:
    log.say(level, what, file=finding.file, reason=finding.text, remedy=finding.remedy)
