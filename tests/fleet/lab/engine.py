"""The real nats-server, from Debian sid's package, unpacked once and kept between runs.

Debian 12 itself has a version with known holes.  The package holds one static program, which
runs on any Debian.  Standard library only: ``python3 -m tests.fleet.lab`` unpacks it before anything is
installed.
"""

import shutil
import subprocess
from pathlib import Path

from tests.asterisk.lab import chroot
from tests.asterisk.lab.cache import Unavailable, cache_home, kept

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def nats_server() -> Path:
    """The program, unpacked now if it is not yet there.

    Raises Unavailable without a Debian archive, or without the tools that read one.
    """
    unpacked = cache_home() / "nats-sid"
    kept(unpacked, _unpack)
    return unpacked / "usr/sbin/nats-server"


def version() -> str:
    """What it says of itself, such as ``2.15.1``.  Raises as ``nats_server``."""
    said = subprocess.run([nats_server(), "--version"], check=True, capture_output=True, text=True)
    return said.stdout.strip().rpartition(" v")[2]


def _unpack(target: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Unavailable(f"no {tool} here: nats-server is taken from a Debian package")
    apt = target.with_suffix(".apt")
    shutil.rmtree(apt, ignore_errors=True)
    with target.with_suffix(".log").open("w") as log:
        try:
            _download(apt, chroot.mirror(), log.fileno())
            [package] = (apt / "package").glob("nats-server_*.deb")
            _run(["dpkg-deb", "--extract", str(package), str(target)], apt, log.fileno())
            _run([str(target / "usr/sbin/nats-server"), "--version"], apt, log.fileno())
        except (subprocess.CalledProcessError, ValueError) as error:
            raise Unavailable(f"no nats-server from Debian sid: {error}; see {log.name}") from None
    shutil.rmtree(apt)


def _download(apt: Path, mirror: str, log: int) -> None:
    """Have apt fetch the package, and check its signature, without touching the machine's own lists."""
    for folder in ("state/lists/partial", "cache/archives/partial", "package"):
        (apt / folder).mkdir(parents=True)
    (apt / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {mirror} sid main\n")
    (apt / "status").touch()
    options = {
        "Dir::State": str(apt / "state"),
        "Dir::State::status": str(apt / "status"),
        "Dir::Cache": str(apt / "cache"),
        "Dir::Etc::sourcelist": str(apt / "sources.list"),
        "Dir::Etc::sourceparts": "/dev/null",
        "Acquire::Languages": "none",
        # A mirror that is a copy of some day has an old date on it.
        "Acquire::Check-Valid-Until": "false",
        # Otherwise apt would download as another user, who may not enter a private cache.
        "APT::Sandbox::User": "root",
    }
    command = [
        "apt-get",
        "-qq",
        *(part for key, value in options.items() for part in ("-o", f"{key}={value}")),
    ]
    _run([*command, "update"], apt, log)
    _run([*command, "download", "nats-server"], apt / "package", log)


def _run(command: list[str], folder: Path, log: int) -> None:
    subprocess.run(command, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
