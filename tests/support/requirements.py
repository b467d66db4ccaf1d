"""What a test may need of the machine.  Without it a test skips itself, unless the machine is to have it.

``REQUIRE_NAME=1`` makes of such a skip a failure, ``REQUIRE_ALL=1`` does so of all
that root can give a machine: ``REQUIRE_NAME=0`` then excepts one.  Landlock is the
kernel's to have and not among all.  No test calls ``pytest.skip`` for want of any
of these but through here; tests/test_requirements.py looks.
"""

import os
from collections.abc import Mapping
from typing import Final, NoReturn

import pytest

#: By the end of the variable's name.
NEEDS: Final[Mapping[str, str]] = {
    "ASTERISK": "two real Asterisks, from Debian, node and ruby_ami",
    "SYSTEMD": "a Debian with systemd as its first process, booted in a container",
    "SCANNERS": "sslyze and testssl.sh",
    "NAMESPACES": "namespaces for networks and mounts, made by root",
    "ROOT": "root, who can be another user",
    "TOOLS": "shellcheck and promtool",
    "COMPILER": "a C compiler and Python's headers",
    "LANDLOCK": "a kernel whose Landlock has all of it",
}
_THE_KERNELS: Final = frozenset({"LANDLOCK"})


def is_required(need: str, environment: Mapping[str, str] = os.environ) -> str:
    """The variable by which this machine must have it; empty where a test may skip itself."""
    name = f"REQUIRE_{need}"
    if environment.get(name):
        return name if environment[name] == "1" else ""
    return "REQUIRE_ALL" if need not in _THE_KERNELS and environment.get("REQUIRE_ALL") == "1" else ""


def give_up(need: str, reason: object) -> NoReturn:
    """Skip for want of this; where it is required, fail."""
    assert need in NEEDS
    if variable := is_required(need):
        pytest.fail(f"{variable}=1, but {reason}", pytrace=False)
    pytest.skip(f"{need}: {reason}")
