"""Good and bad certificates in turn, under live sessions, events, and a churn of connects and logins.

Every kind of bad set occurs once; ``ROTATIONS=100`` for the long run, where each trigger meets more of
them, and the watch uses all its patience.  ``pytest -s`` shows the figures.
"""

import asyncio
import hashlib
import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import cycle
from pathlib import Path
from statistics import mean

import pytest

from amiproxy.tools.simulator import Simulator
from tests.support.ami_client import AmiClient
from tests.support.badsets import BAD_SETS, HALF_WRITTEN, CertificateFolder
from tests.support.certificates import Forged
from tests.support.service import PASSWORDS, Service
from tests.support.storm_reader import StormReader
from tests.support.waiting import until

pytestmark = pytest.mark.long

EVERY_KIND = 2 * len(BAD_SETS)
ROTATIONS = int(os.environ.get("ROTATIONS", EVERY_KIND))
#: How many half-written sets the watch may try until it complains: ten seconds each.
LEFT_TO_THE_WATCH = 1 if ROTATIONS <= EVERY_KIND else ROTATIONS
SESSIONS = 200
#: Events a second, to each session.
RATE = 25
CHURNERS = 3
#: Seconds from a swap to a handshake that shows it, which can be long on a busy machine.  The churn checks
#: that no handshake begun after a swap shows the old certificate.
SEEN_WITHIN = 20.0
#: Bytes from the first swap to the last: memory that an allocator keeps.  That no generation is kept is
#: checked by tests/net/tls/test_sni.py.
GROWTH = 4 << 20


class Churn:
    """Connects, logs in, sends an action and leaves, repeatedly."""

    def __init__(self, service: Service, site: CertificateFolder) -> None:
        self._service = service
        self._context = ssl.create_default_context(cadata=site.ca.pem.decode())
        self.count = 0
        #: SHA-256 of the certificate shown by the newest handshake, and when that began.
        self.shown = ""
        self.began = 0.0
        #: When each was shown for the first time, since the epoch.
        self.first: dict[str, float] = {}
        #: Certificates that handshakes may show; none at first.
        self.allowed: set[str] = set()
        self.wrong: list[str] = []

    async def run(self) -> None:
        while True:
            await self.once()
            await asyncio.sleep(0.01)

    async def once(self) -> str:
        """One client, from connect to Goodbye; the certificate that it was shown."""
        began, allowed = time.monotonic(), frozenset(self.allowed)
        client = await AmiClient.connect("127.0.0.1", self._service.port, self._context, "localhost")
        try:
            tls = client._transport.get_extra_info("ssl_object")  # type: ignore[union-attr]
            shown = hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()
            if not {shown} & (allowed | self.allowed):
                self.wrong.append(shown)
            self.first.setdefault(shown, time.time())
            if began > self.began:
                self.began, self.shown = began, shown
            assert (await client.login("caller", PASSWORDS["caller"])).get("Response") == "Success"
            assert (await client.action("Logoff")).get("Response") == "Goodbye"
        finally:
            await client.close()
        self.count += 1
        return shown


class Operator:
    """Installs certificates, triggers the reload in one way or another, and reads the log."""

    def __init__(self, service: Service, site: CertificateFolder) -> None:
        self.service = service
        self.site = site
        # Four, so that each trigger meets each way.
        self._ways = cycle((site.put, site.re_point, site.publish, site.re_point))
        self._left = LEFT_TO_THE_WATCH
        self._log = service.directory / "stderr"
        self._read = self._log.stat().st_size

    def _said(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._read)
            return log.read().decode(errors="replace")

    async def hears(self, *wanted: str) -> float:
        """Wait for a line with all of these since the last call of ``listen``; when it was written."""

        def found() -> str | None:
            lines = self._said().splitlines()
            return next((line for line in lines if all(part in line for part in wanted)), None)

        line = await until(found, lambda: f"{wanted} in {self._said()}", within=20.0)
        assert line is not None
        return datetime.fromisoformat(line.split()[0]).timestamp()

    def listen(self) -> None:
        self._read = self._log.stat().st_size

    async def ctl(self) -> list[str]:
        """As ``ami-proxy ctl certs reload``, without a process for each; the problems that it reports."""
        reader, writer = await asyncio.open_unix_connection(str(self.service.directory / "c.sock"))
        writer.write(b'{"command": "certs-reload"}\n')
        answer = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        assert answer["ok"] is not bool(answer.get("problems")), answer
        return answer.get("problems", [])

    async def bad(self, spoil: Callable[[CertificateFolder], None], trigger: str) -> None:
        """Install files that must be refused, and check that they are."""
        self.listen()
        spoil(self.site)
        if trigger == "ctl":
            assert await self.ctl(), spoil
        elif trigger == "SIGHUP":
            self.service.signal(signal.SIGHUP)
            await self.hears(" reload-failed ")
        elif spoil in HALF_WRITTEN and not self._left:
            # As a writer leaves it for a short time: the next set fixes it before anything is logged.
            await asyncio.sleep(0.5)
            assert " certificate-refused " not in self._said(), spoil
        else:
            self._left -= spoil in HALF_WRITTEN
            await self.hears(" certificate-refused ")

    def good(self, trigger: str) -> Forged:
        """Install files that must be served, and trigger the reload."""
        self.listen()
        new = self.site.leaf()
        if self.site.key.is_dir():
            self.site.key.rmdir()
        next(self._ways)(new)
        self.site.served = new
        if trigger == "SIGHUP":
            self.service.signal(signal.SIGHUP)
        return new


def fingerprint(leaf: Forged) -> str:
    return hashlib.sha256(leaf.der).hexdigest()


class Process:
    """The resources that the proxy's process uses."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int((self._proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def descriptors(self) -> int:
        return len(list((self._proc / "fd").iterdir()))


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service], tmp_path: Path) -> Service:
    built = make_service(simulator.port, control={"socket": "c.sock"})
    site = CertificateFolder(tmp_path / "certs")
    listener = {
        "address": f"127.0.0.1:{built.port}",
        "certificates": [{"chain": "certs/server.crt", "key": "certs/server.key"}],
        "client_auth": "optional",
        "client_ca": "certs/clients-ca.crt",
        "client_crl": "certs/clients.crl",
    }
    built.change(listeners=[listener])
    if os.geteuid() == 0:
        # Root can read files whose mode forbids it, except with these.
        built.wrapper = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    built.context.load_verify_locations(cadata=site.ca.pem.decode())
    built.site = site  # type: ignore[attr-defined]
    await built.start_up()
    await built.linked()
    return built


@pytest.mark.timeout(120 + 10 * ROTATIONS)
async def test_certificates_rotate_under_load(service: Service, simulator: Simulator) -> None:
    assert service.process is not None
    site: CertificateFolder = service.site  # type: ignore[attr-defined]
    context = ssl.create_default_context(cadata=site.ca.pem.decode())
    operator, churn = Operator(service, site), Churn(service, site)
    process = Process(service.process.pid)
    triggers: Iterator[str] = cycle(["SIGHUP", "watch", "ctl"])
    bad_sets = cycle(BAD_SETS)
    taken: list[float] = []
    seen: list[float] = []
    memory: list[int] = []
    readers = [await StormReader.connect(service.port, context, "boss", "chief") for _ in range(SESSIONS)]
    churn.allowed = {fingerprint(site.served)}
    await churn.once()
    await until(lambda: process.descriptors, "descriptors")
    descriptors = await settled(process)
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        storm = tasks.create_task(simulator.storm(RATE, 1 << 40))
        churning = [tasks.create_task(churn.run()) for _ in range(CHURNERS)]
        for number in range(ROTATIONS):
            trigger = next(triggers)
            if number % 2 == 0:
                await operator.bad(next(bad_sets), trigger)
                assert churn.shown in churn.allowed
                continue
            installed = time.time()
            new = operator.good(trigger)
            wanted = fingerprint(new)
            churn.allowed |= {wanted}
            if trigger == "ctl":
                assert await operator.ctl() == []
            swapped = await operator.hears(" certificate-served ", f" sha256={wanted} ")
            churn.allowed = {wanted}
            await until(lambda wanted=wanted: churn.shown == wanted, "the new certificate to be shown")
            seen.append(churn.first[wanted] - swapped)
            taken.append(swapped - installed)
            memory.append(process.memory)
        for task in (storm, *churning):
            task.cancel()
    took = time.monotonic() - began
    newest = max(reader.last for reader in readers)
    await until(lambda: all(reader.last >= newest for reader in readers), "the last events")
    await until(
        lambda: process.descriptors <= descriptors, lambda: f"{process.descriptors} over {descriptors}"
    )
    swaps = ROTATIONS // 2
    for what, figure in {
        "rotations": f"{ROTATIONS} in {took:.0f} s: {swaps} swaps, {ROTATIONS - swaps} bad sets",
        "sessions": f"{SESSIONS}, {newest + 1} events to each",
        "logins meanwhile": f"{churn.count}, {len(churn.wrong)} shown a wrong certificate",
        "files to swap": f"{max(taken):.2f} s at most, {mean(taken):.2f} s on average",
        "swap to first handshake": f"{max(seen):.2f} s at most, {mean(seen):.2f} s on average",
        "memory": f"{memory[0] / 1e6:.1f} MB at the first swap, {memory[-1] / 1e6:.1f} MB at the last",
        "descriptors": f"{descriptors} before, {process.descriptors} after",
    }.items():
        sys.stdout.write(f"\n{what:>26}: {figure}")
    assert not [reader for reader in readers if reader.ended], "sessions were lost"
    assert not [reader.wrong for reader in readers if reader.wrong], "events were lost or reordered"
    assert "permission denied" in service.stderr
    assert churn.wrong == []
    assert churn.count > ROTATIONS
    assert max(seen) < SEEN_WITHIN
    assert memory[-1] - memory[0] < GROWTH
    for reader in readers:
        reader.close()


async def settled(process: Process) -> int:
    """Descriptors, once the churn's own are closed."""
    last = 0
    while last != process.descriptors:
        last = process.descriptors
        await asyncio.sleep(0.3)
    return last
