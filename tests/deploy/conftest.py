"""Machines with the package installed, for the tests that need them; made once for the whole run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.asterisk.lab import chroot
from tests.asterisk.lab.cache import Unavailable
from tests.deploy import debian
from tests.deploy.debian import Machine
from tests.deploy.host import Host
from tests.deploy.site import Site
from tests.support.requirements import give_up

TOP = Path(__file__).parents[2]
_NEED_A_ROOT = {"debian_tools", "machine", "host", "site"}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the roots now: it takes longer than the time limit of a test."""
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if session.config.option.collectonly or not used & _NEED_A_ROOT:
        return
    with suppress(Unavailable):  # the fixtures report it where it matters
        debian.tools()
        debian.machine_root()
        if "site" in used:
            debian.operated_root()
            chroot.ready("sid")


@pytest.fixture(scope="session")
def debian_tools() -> None:
    """``debian.run_tool`` can be used."""
    try:
        debian.tools()
    except Unavailable as reason:
        give_up("SYSTEMD", reason)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package: the one in ``AMIPROXY_DEB``, or one built now as ``make deb`` does."""
    if built_already := os.environ.get("AMIPROXY_DEB"):
        return Path(built_already)
    # Compiled if possible: test_wheel.py reports whether it is.
    return built(tmp_path_factory.mktemp("package"), **{"AMI_PROXY_COMPILE": ""} | os.environ)


def built(out: Path, **environment: str) -> Path:
    """The package that ``deploy/debian/build`` makes."""
    made = subprocess.run(
        [TOP / "deploy/debian/build", out],
        check=False,
        env=os.environ | environment | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    [file] = out.iterdir()
    return file


def booted(name: str) -> Iterator[Machine]:
    """A bare Debian 12 for a fixture of any scope."""
    machine = Machine(name)
    try:
        machine.start()
        yield machine
    except Unavailable as reason:
        give_up("SYSTEMD", reason)
    finally:
        machine.stop()


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A bare Debian 12, booted."""
    yield from booted("bare")


@pytest.fixture(scope="session")
def _installed(package: Path) -> Iterator[Host]:
    for machine in booted("host"):
        yield Host(machine, package)


@pytest.fixture
def host(_installed: Host) -> Iterator[Host]:
    """One with the package installed, set up and not yet started, in front of a simulated Asterisk."""
    _installed.fresh()
    yield _installed
    _installed.end()


@pytest.fixture
def site() -> Iterator[Site]:
    """A PBX with Asterisk, without the package, and a client's machine."""
    try:
        with Site("site") as site:
            yield site
    except Unavailable as reason:
        give_up("SYSTEMD", reason)
