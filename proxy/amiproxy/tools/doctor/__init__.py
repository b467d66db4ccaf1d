"""The doctor: checks the host, the configuration and Asterisk before problems arise.

    finding.py      a finding: ok, warn, unknown or fail, with its remedy
    setup.py        configuration, certificates, file modes
    asterisk.py     Asterisk: reachable, our login and secret, its version
    settings.py     Asterisk's settings for its manager, the link's user and its files
    openports.py    Asterisk's port in the kernel's socket table
    probe.py        one short AMI conversation, without a loop
    versions.py     known bugs of the Asterisk version
    engines.py      the nats-servers of a fleet: TLS, version, what they let this process do, and their routes
    natsprobe.py    one short conversation with a nats-server, without a loop
    host.py         descriptors, backlog, clock, TLS library, the unit
    interpreter.py  known bugs of this CPython version that concern us

The doctor changes nothing, and no finding contains a secret.  If something cannot be
checked, that is a finding, too, which says how to check it by hand.
"""

from collections.abc import Iterator
from pathlib import Path

from amiproxy.config import ConfigErrors, load
from amiproxy.tools.doctor import asterisk, engines, host, setup
from amiproxy.tools.doctor.finding import DoctorFinding, unknown

__all__ = ["DoctorFinding", "examine"]


def examine(path: Path) -> Iterator[DoctorFinding]:
    """Check everything about the service that this proxy.yaml describes; yields findings as they are made.

    An invalid configuration is a finding, too.
    """
    try:
        loaded = load(path)
    except ConfigErrors as errors:
        yield from setup.of_errors(errors)
        text = "not checked: the configuration does not say how to reach it"
        yield unknown("asterisk", text, "fix the errors above, and run the doctor again")
        yield from host.examine(None)
        return
    yield from setup.examine(path, loaded)
    yield from asterisk.examine(loaded.config)
    yield from engines.examine(loaded.config)
    yield from host.examine(loaded.config)
