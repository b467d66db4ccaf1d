"""Real Asterisks for the tests of this directory: one of each version for the whole run."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("asterisk")


def give_up(reason: object) -> NoReturn:
    """Skip; where a real Asterisk is required, fail."""
    if os.environ.get("REQUIRE_ASTERISK") == "1":
        pytest.fail(f"REQUIRE_ASTERISK=1, but {reason}", pytrace=False)
    pytest.skip(str(reason))


def _running(suite: str) -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk(suite)
    except chroot.Unavailable as reason:
        give_up(reason)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture(scope="session")
def asterisk22() -> Iterator[Asterisk]:
    """Asterisk 22, from Debian sid."""
    yield from _running("sid")


@pytest.fixture(scope="session")
def asterisk16() -> Iterator[Asterisk]:
    """Asterisk 16, from Debian bullseye."""
    yield from _running("bullseye")


@pytest.fixture(scope="session", params=["22", "16"])
def asterisk(request: pytest.FixtureRequest) -> Asterisk:
    """Each version in turn."""
    found: Asterisk = request.getfixturevalue(f"asterisk{request.param}")
    return found
