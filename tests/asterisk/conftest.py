"""Real Asterisks for the tests of this directory: one of each version for the whole run."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.asterisk.door import LIMITS, USERS, Door
from tests.asterisk.lab import chroot, node
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.attack.target import Target
from tests.support import twin
from tests.support.ami_client import DEADLINE
from tests.support.proxy_process import ProxyProcess
from tests.support.requirements import give_up

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("asterisk")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build now what is built once: it takes longer than the time limit of a test."""
    if session.config.option.collectonly or not any(HERE in item.path.parents for item in session.items):
        return
    with ThreadPoolExecutor() as pool:
        making = [pool.submit(chroot.ready, suite) for suite in chroot.SUITES]
        making.append(pool.submit(node.node_path))
    for future in making:
        with suppress(Unavailable):  # the fixtures report it where it matters
            future.result()


def _running(suite: str) -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk(suite)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    other = Asterisk(next(one for one in chroot.SUITES if one != suite)) if twin.WAY else None
    try:
        asterisk.start()
        if other is not None:
            other.start()
            twin.put_beside(asterisk.port, (other.host, other.port, other.user, other.secret))
        yield asterisk
    finally:
        asterisk.remove()
        if other is not None:
            other.remove()


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


@contextmanager
def running(proxy: ProxyProcess, secret: str) -> Iterator[ProxyProcess]:
    """The proxy while it runs; it must stop in good order, and never print this secret of Asterisk's."""
    proxy.start(linked=True)
    try:
        yield proxy
        proxy.stop()
    finally:
        proxy.kill()
    assert secret not in proxy.stderr


@contextmanager
def proxy_before(asterisk: Asterisk, directory: Path) -> Iterator[ProxyProcess]:
    """The proxy in front of this Asterisk, with the same users."""
    upstream = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
    with running(ProxyProcess(directory, upstream, USERS, limits=LIMITS), asterisk.secret) as proxy:
        asyncio.run(_serving(Door(asterisk, proxy)))
        yield proxy


async def _serving(door: Door) -> None:
    """Wait until Asterisk has told the proxy that it has booted: actions are refused before."""
    async with asyncio.timeout(DEADLINE), await door.login(Events="off") as client:
        # Nothing tells a client of this moment, so the test can only ask again.
        while (await client.action("CoreStatus")).get("Message") == "Upstream not connected":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
def proxy22(asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    """The proxy in front of Asterisk 22."""
    with proxy_before(asterisk22, tmp_path_factory.mktemp("proxy22")) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def proxy16(asterisk16: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    """The proxy in front of Asterisk 16."""
    with proxy_before(asterisk16, tmp_path_factory.mktemp("proxy16")) as proxy:
        yield proxy


@pytest.fixture
def direct(asterisk: Asterisk) -> Door:
    """Asterisk's own port."""
    return Door(asterisk, None)


@pytest.fixture
def proxied(asterisk: Asterisk, request: pytest.FixtureRequest) -> Door:
    """The port of the proxy."""
    return Door(asterisk, request.getfixturevalue(f"proxy{asterisk.version}"))


@pytest.fixture(params=["direct", "proxied"])
def door(asterisk: Asterisk, request: pytest.FixtureRequest) -> Door:
    """Asterisk's own port and the proxy's in turn."""
    if request.param == "direct":
        return Door(asterisk, None)
    return Door(asterisk, request.getfixturevalue(f"proxy{asterisk.version}"))


@pytest.fixture(scope="session")
def node_path() -> Path:
    """The folder in which node finds asterisk-manager."""
    try:
        return node.node_path()
    except Unavailable as reason:
        give_up("ASTERISK", reason)


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Target, ProxyProcess]]:
    """An Asterisk 22 with every module and all traps set, and the proxy with all attackers in front of it."""
    try:
        target = Target()
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        target.asterisk.start()
        proxy = target.proxy(tmp_path_factory.mktemp("attacked"))
        proxy.start(linked=True)
        try:
            yield target, proxy
            proxy.stop()
        finally:
            proxy.kill()
    finally:
        target.remove()


@pytest.fixture
async def target(attacked: tuple[Target, ProxyProcess]) -> AsyncIterator[Target]:
    """The Asterisk under attack, restored to its first state."""
    target, _ = attacked
    target.renew_ports()
    await target.start()
    yield target
    await target.stop()


@pytest.fixture(scope="session")
def ruby() -> str:
    """A Ruby that has ruby_ami: the system's own, because Debian packages ruby_ami for it."""
    found = "/usr/bin/ruby"
    try:
        subprocess.run([found, "-e", "require 'ruby_ami'"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        give_up("ASTERISK", f"{found} has no ruby_ami: apt-get install ruby-ami")
    return found
