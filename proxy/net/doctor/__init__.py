"""The doctor: looks at the host before there is trouble.

    finding.py    what is found: ok, warn or fail, with its remedy
    setup.py      configuration, certificates, file modes
    asterisk.py   the Asterisk behind: reachable, our login, its settings and version
    probe.py      one short conversation with it, without a loop
    versions.py   which faults an Asterisk version still has
    host.py       descriptors, backlog, clock, TLS library, the unit

Nothing is changed, and no secret is in any finding.
"""

from collections.abc import Iterator
from pathlib import Path

from proxy.config import ConfigErrors, load
from proxy.net.doctor import asterisk, host, setup
from proxy.net.doctor.finding import Finding

__all__ = ["Finding", "examine"]


def examine(path: Path) -> Iterator[Finding]:
    """Everything worth knowing about the service that this proxy.yaml describes, as it is found."""
    try:
        config, users = load(path)
    except ConfigErrors as errors:
        yield from setup.of_errors(errors)
        yield from host.examine(None)
        return
    yield from setup.examine(path, config, users)
    yield from asterisk.examine(config)
    yield from host.examine(config)
