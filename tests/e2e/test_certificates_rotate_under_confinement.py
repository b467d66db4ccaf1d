"""Every usual way to put new certificates in place works for a process that may read few paths.

The certificates are apart from the configuration, as they are in an ACME
client's own directories: the permission to read those is derived from their paths alone.
"""

import asyncio
import re
import shutil
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme

from amiproxy.cli import main
from amiproxy.tools.simulator import Simulator
from tests.support.landlock import landlock_version
from tests.support.requirements import give_up
from tests.support.service import LIMITS, SECRET, USERS, Service
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def _landlock() -> None:
    if landlock_version() < 1:
        give_up("LANDLOCK", "this kernel has no Landlock")


def issue(folder: Path) -> bytes:
    """A pair in a new folder; the certificate in DER."""
    leaf = trustme.CA().issue_cert("localhost", "127.0.0.1")
    folder.mkdir(parents=True)
    (folder / "server.key").touch(mode=0o600)
    leaf.private_key_pem.write_to_path(str(folder / "server.key"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def point(link: Path, target: str) -> None:
    """As ``ln -s`` and ``mv -T``."""
    new = link.with_name("new")
    new.symlink_to(target)
    new.replace(link)


class Site:
    """The service, its certificates in ``store``, with the configuration elsewhere."""

    def __init__(self, base: Path, port: int) -> None:
        self.store = base / "pki/x"
        self.store.mkdir(parents=True)
        home = base / "etc/ami-proxy"
        home.mkdir(parents=True)
        home.chmod(0o700)
        self.service = Service(home, ("127.0.0.1", port, "proxy", SECRET), USERS, limits=LIMITS)

    def read_from(self, folder: Path) -> None:
        pair = {"chain": str(folder / "server.crt"), "key": str(folder / "server.key")}
        address = f"127.0.0.1:{self.service.port}"
        self.service.change(listeners=[{"address": address, "certificates": [pair]}])

    async def start(self, folder: Path) -> None:
        self.read_from(folder)
        # Of any CA: the client here looks at the certificate itself.
        self.service.context.check_hostname = False
        self.service.context.verify_mode = ssl.CERT_NONE
        await self.service.start_up()
        await self.service.said(" confined ")
        assert "confined landlock=" in self.service.stderr
        assert "missing" not in self.service.stderr

    async def served(self) -> bytes:
        text = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", self.service.port))
        return ssl.PEM_cert_to_DER_cert(text)

    async def reload(self) -> None:
        def ended() -> int:
            return self.service.stderr.count(" reloaded ") + self.service.stderr.count(" reload-failed ")

        before = ended()
        self.service.signal(signal.SIGHUP)
        await until(lambda: ended() > before, lambda: self.service.stderr[-3000:])


@pytest.fixture
async def site(tmp_path: Path, simulator: Simulator) -> AsyncIterator[Site]:
    made = Site(tmp_path, simulator.port)
    yield made
    made.service.kill()
    assert "Traceback" not in made.service.stderr


def a_link_is_pointed_elsewhere(store: Path) -> tuple[Path, Callable[[], bytes]]:
    issue(store / "rel1")
    (store / "current").symlink_to("rel1")

    def renew() -> bytes:
        new = issue(store / "rel2")
        point(store / "current", "rel2")
        return new

    return store / "current", renew


def a_directory_is_put_in_anothers_place(store: Path) -> tuple[Path, Callable[[], bytes]]:
    issue(store / "current")

    def renew() -> bytes:
        new = issue(store / "next")
        (store / "current").rename(store / "old")
        shutil.copytree(store / "next", store / "current")
        return new

    return store / "current", renew


def acmetools_link_of_a_host_is_pointed_elsewhere(store: Path) -> tuple[Path, Callable[[], bytes]]:
    issue(store / "certs/one")
    (store / "live").mkdir()
    (store / "live/localhost").symlink_to("../certs/one")

    def renew() -> bytes:
        new = issue(store / "certs/two")
        point(store / "live/localhost", "../certs/two")
        return new

    return store / "live/localhost", renew


def a_kubelet_swaps_the_data(store: Path) -> tuple[Path, Callable[[], bytes]]:
    issue(store / "..1")
    (store / "..data").symlink_to("..1")
    for name in ("server.crt", "server.key"):
        (store / name).symlink_to(f"..data/{name}")

    def renew() -> bytes:
        new = issue(store / "..2")
        point(store / "..data", "..2")
        shutil.rmtree(store / "..1")
        return new

    return store, renew


@pytest.mark.parametrize(
    "layout",
    [
        a_link_is_pointed_elsewhere,
        a_directory_is_put_in_anothers_place,
        acmetools_link_of_a_host_is_pointed_elsewhere,
        a_kubelet_swaps_the_data,
    ],
)
async def test_the_new_certificate_is_served_after_a_reload(
    site: Site, layout: Callable[[Path], tuple[Path, Callable[[], bytes]]]
) -> None:
    folder, renew = layout(site.store)
    await site.start(folder)
    new = await asyncio.to_thread(renew)
    assert await site.served() != new
    await site.reload()
    assert await site.served() == new, site.service.stderr[-3000:]
    assert "denied" not in site.service.stderr


async def test_a_folder_unknown_at_the_start_needs_a_restart_and_is_reported(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    issue(site.store / "current")
    new = issue(tmp_path / "elsewhere/deep/current")
    socket = site.service.directory / "ctl"
    site.service.change(control={"socket": str(socket)})
    await site.start(site.store / "current")
    before = await site.served()
    site.read_from(tmp_path / "elsewhere/deep/current")
    assert await asyncio.to_thread(main, ["ctl", "--socket", str(socket), "reload"]) == 1
    said = capsys.readouterr().err
    assert re.search(
        r"server\.key: permission denied, although owner and mode allow it \(.*\); restart the proxy", said
    )
    assert await site.served() == before
    site.service.stop()
    await site.service.start_up()
    assert await site.served() == new
