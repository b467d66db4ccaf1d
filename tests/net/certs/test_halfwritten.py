"""A set of files that a writer may still be writing is read again before its errors are reported."""

from amiproxy.net.certs.halfwritten import Retry, may_pass
from amiproxy.x509.validating.findings import Finding


def finding(level: str = "error", *, transient: bool = False) -> Finding:
    return Finding("error" if level == "error" else "warning", "x", "server.crt", "", "", transient)


def test_only_errors_that_a_writer_can_cause_are_retried() -> None:
    assert may_pass([finding(transient=True)])
    assert may_pass([finding(transient=True), finding("warning")])
    assert not may_pass([finding(transient=True), finding()])
    assert not may_pass([finding("warning", transient=True)])
    assert not may_pass([])


async def test_attempts_end_after_the_time_allowed_for_a_writer() -> None:
    patient, hasty = Retry(60.0, 1.0), Retry(0.0, 1.0)
    assert not patient.is_over([finding(transient=True)])
    assert hasty.is_over([finding(transient=True)])
    assert patient.is_over([finding()])
    assert patient.is_over([])
    await Retry(60.0, 0.0).pause()
