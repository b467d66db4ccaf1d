"""The doctor: looks at the host before there is trouble.

    finding.py      what is found: ok, warn, unknown or fail, with its remedy
    setup.py        configuration, certificates, file modes
    asterisk.py     the Asterisk behind: reachable, our login and secret, its version
    settings.py     what it says of its manager, the link's user and its files
    openports.py    its port as the kernel has it
    probe.py        one short conversation with it, without a loop
    versions.py     which faults an Asterisk version still has
    host.py         descriptors, backlog, clock, TLS library, the unit
    interpreter.py  which of CPython's faults that concern us this one has

Nothing is changed, and no secret is in any finding.  What cannot be looked at is a
finding too, and says how to look.
"""

from collections.abc import Iterator
from pathlib import Path

from proxy.config import ConfigErrors, load
from proxy.net.doctor import asterisk, host, setup
from proxy.net.doctor.finding import Finding, unknown

__all__ = ["Finding", "examine"]


def examine(path: Path) -> Iterator[Finding]:
    """Everything worth knowing about the service that this proxy.yaml describes, as it is found."""
    try:
        config, users = load(path)
    except ConfigErrors as errors:
        yield from setup.of_errors(errors)
        text = "not asked: the configuration does not say how to reach it"
        yield unknown("asterisk", text, "mend what stands above, and start the doctor again")
        yield from host.examine(None)
        return
    yield from setup.examine(path, config, users)
    yield from asterisk.examine(config)
    yield from host.examine(config)
