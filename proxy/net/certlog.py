"""What is logged of certificates: each reload, each change, each doubt, each end in sight."""

from proxy import log
from proxy.net.certstore import Change, ReloadResult
from proxy.net.rotation import ExpiryNotice
from proxy.x509.expiry import Expiry
from proxy.x509.validate import Finding


def tell_reload(result: ReloadResult) -> None:
    """The outcome; then what is served from now on, what was refused, what is doubtful."""
    level = log.INFO if result.succeeded else log.ERROR
    log.say(
        level, "certificates", outcome=result.outcome, trigger=result.trigger, generation=result.generation
    )
    for change in result.changes:
        _tell_change(change)
    tell_findings(result)


def tell_findings(result: ReloadResult) -> None:
    """What kept files out, and what is served all the same but should be put right."""
    for finding in result.findings:
        if finding.level == "error":
            _tell_finding(log.ERROR, "certificate-refused", finding)
        else:
            _tell_finding(log.WARNING, "certificate-doubtful", finding)


def tell_expiry(notice: ExpiryNotice) -> None:
    """As loud as it is near."""
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
