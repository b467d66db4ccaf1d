"""The needs that a test may have of the machine.  Without one a test skips itself, unless it is required.

``REQUIRE_NAME=1`` turns such a skip into a failure, ``REQUIRE_ALL=1`` does so for all
that root can install on a machine: ``REQUIRE_NAME=0`` then excepts one.  Landlock depends on the
kernel and is not among all.  No test calls ``pytest.skip`` because of one
of these except through here; tests/test_requirements.py checks that.
"""

import os
from collections.abc import Mapping
from typing import Final, NoReturn

import pytest

#: By the end of the variable's name.
NEEDS: Final[Mapping[str, str]] = {
    "ASTERISK": "two real Asterisks, from Debian, node and ruby_ami",
    "BROWSER": "Debian's chromium, which runs pages without a window",
    "NODE": "node, which runs the example client in JavaScript and the tests of the page",
    "SYSTEMD": "a Debian with systemd as its first process, booted in a container",
    "SCANNERS": "sslyze and testssl.sh",
    "NAMESPACES": "namespaces for networks and mounts, made by root",
    "ROOT": "root, who can be another user",
    "TOOLS": "shellcheck, and Prometheus with promtool",
    "PACKAGING": "gpg and apt-ftparchive, which make an apt repository, and rpmbuild",
    "SHELLS": "bash, zsh and fish, which complete commands, and man and mandoc, which show pages",
    "COMPILER": "a C compiler, and the headers of Python and OpenSSL",
    "BALANCER": "HAProxy, nginx and Caddy",
    "NATS": "nats-server, from Debian",
    "LANDLOCK": "a kernel whose Landlock has all of it",
}
_THE_KERNELS: Final = frozenset({"LANDLOCK"})


def is_required(need: str, environment: Mapping[str, str] = os.environ) -> str:
    """The variable that requires this need; empty where a test may skip itself."""
    name = f"REQUIRE_{need}"
    if environment.get(name):
        return name if environment[name] == "1" else ""
    return "REQUIRE_ALL" if need not in _THE_KERNELS and environment.get("REQUIRE_ALL") == "1" else ""


def give_up(need: str, reason: object) -> NoReturn:
    """Skip because of a missing need; fail where it is required."""
    assert need in NEEDS
    if variable := is_required(need):
        pytest.fail(f"{variable}=1, but {reason}", pytrace=False)
    pytest.skip(f"{need}: {reason}")


def need_root(reason: str) -> None:
    """Give up unless this is root: only root can do what the reason says."""
    if os.geteuid() != 0:
        give_up("ROOT", reason)
