"""Checks of the host: descriptors, the kernel's backlog, clock, TLS library, the service's unit."""

import re
import resource
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from amiproxy.config import Config
from amiproxy.core.form import FORM
from amiproxy.net.doors.binding import BACKLOG
from amiproxy.net.loop.eventloop import uvloop
from amiproxy.net.tls.tlsgroups import X25519MLKEM768, offered_groups
from amiproxy.tools.doctor import interpreter
from amiproxy.tools.doctor.finding import DoctorFinding, ok, unknown, warn

_UNIT: Final = "ami-proxy.service"
#: Descriptors needed besides those of connections.
_OTHER_DESCRIPTORS: Final = 64
#: Highest acceptable exposure level of systemd-analyze security; the shipped unit has 1.2.
_EXPOSURE: Final = 2.0
_SOMAXCONN: Final = Path("/proc/sys/net/core/somaxconn")
#: systemd-timesyncd creates this file once the clock is synchronised.
_TIMESYNC: Final = Path("/run/systemd/timesync/synchronized")
_PATIENCE: Final = 10.0
_CORE: Final = {"compiled": "compiled", "python": "from its Python source"}

#: Runs a command and returns what it prints; None if it cannot be run.
Ask = Callable[[Sequence[str]], str | None]


def examine(config: Config | None, ask: Ask | None = None) -> Iterator[DoctorFinding]:
    """Check the host.  ``config`` is None if it is invalid; ``ask`` runs commands."""
    ask = ask or _ask
    if config is not None:
        yield _descriptors(config, ask)
    else:
        text = "not known: how many are needed, because the configuration is invalid"
        yield unknown("descriptors", text, "fix it, and run the doctor again")
    yield backlog(_SOMAXCONN)
    yield from _clock(ask)
    yield from interpreter.examine()
    yield ok("python", f"the core runs {_CORE[FORM]}")
    if uvloop is None:
        yield warn("python", "uvloop is missing: events take several times the CPU", "pip install uvloop")
    else:
        yield ok("python", f"uvloop {uvloop.__version__}")
    yield from _tls()
    yield from _exposure(ask)


def _descriptors(config: Config, ask: Ask) -> DoctorFinding:
    needed = config.limits.connections + _OTHER_DESCRIPTORS
    said = ask(("systemctl", "show", "--value", "-p", "LimitNOFILE", _UNIT)) if _unit_exists(ask) else None
    if said is not None and said.strip().isdigit():
        given, where = int(said), f"the unit {_UNIT}"
    else:
        given, where = resource.getrlimit(resource.RLIMIT_NOFILE)[1], "this shell"
        given = given if given != resource.RLIM_INFINITY else needed
    text = f"{where} may open {given} files, {needed} are needed for limits.connections"
    if given < needed:
        return warn("descriptors", text, f"LimitNOFILE={needed} in the unit, or lower limits.connections")
    return ok("descriptors", text)


def backlog(file: Path) -> DoctorFinding:
    """Check that the kernel's limit on pending connections is not below the listener's backlog."""
    try:
        given = int(file.read_text())
    except (OSError, ValueError):
        return warn("kernel", f"{file} cannot be read", "look at: sysctl net.core.somaxconn")
    if given < BACKLOG:
        text = f"net.core.somaxconn is {given}: if more clients reconnect at once, some are refused"
        return warn("kernel", text, f"sysctl -w net.core.somaxconn={BACKLOG}")
    return ok("kernel", f"net.core.somaxconn is {given}")


def _clock(ask: Ask) -> Iterator[DoctorFinding]:
    said = (ask(("timedatectl", "show", "--value", "-p", "NTPSynchronized")) or "").strip()
    # timedatectl reports the result of chrony, too; without systemd, ask chrony itself.
    chrony = (
        re.search(r"Leap status\s*: (.*)", ask(("chronyc", "-n", "tracking")) or "") if not said else None
    )
    if said == "yes":
        yield ok("clock", "synchronised")
    elif said == "no":
        text = "not synchronised, but the validity of certificates depends on it"
        yield warn("clock", text, "apt-get install systemd-timesyncd, or chrony")
    elif chrony is not None and chrony[1].strip() == "Not synchronised":
        text = "not synchronised by chrony, but the validity of certificates depends on it"
        yield warn("clock", text, "look at: chronyc sources")
    elif chrony is not None:
        yield ok("clock", "synchronised by chrony")
    elif _TIMESYNC.exists():
        yield ok("clock", "synchronised by systemd-timesyncd")
    else:
        text = "not known: whether it is synchronised; the validity of certificates depends on it"
        remedy = "look at: timedatectl, chronyc tracking or ntpq -p; for a container, on its host"
        yield unknown("clock", text, remedy)


def _tls() -> Iterator[DoctorFinding]:
    hybrid = X25519MLKEM768 in offered_groups()
    known = "with" if hybrid else "without"
    yield ok("tls", f"{ssl.OPENSSL_VERSION}, {known} the post-quantum key exchange X25519MLKEM768")
    if not ssl.HAS_TLSv1_3:
        yield warn("tls", "TLS 1.3 is missing", "upgrade OpenSSL")


def _exposure(ask: Ask) -> Iterator[DoctorFinding]:
    look = f"look at: systemd-analyze security {_UNIT}"
    if not _unit_exists(ask):
        yield unknown("unit", f"not known: its confinement, because systemd has no {_UNIT} here", look)
        return
    said = ask(("systemd-analyze", "security", "--no-pager", _UNIT)) or ""
    found = re.search(r"Overall exposure level for .*?: ([0-9.]+)", said)
    if found is None:
        yield unknown("unit", "not known: its exposure, which systemd-analyze does not report", look)
        return
    text = f"its exposure is {found[1]} of 10 (systemd-analyze security)"
    if float(found[1]) > _EXPOSURE:
        yield warn("unit", text, "use the shipped unit, and make changes with systemctl edit")
    else:
        yield ok("unit", text)


def _unit_exists(ask: Ask) -> bool:
    said = ask(("systemctl", "show", "--value", "-p", "LoadState", _UNIT))
    return said is not None and said.strip() == "loaded"


def _ask(command: Sequence[str]) -> str | None:
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]], check=False, capture_output=True, text=True, timeout=_PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
