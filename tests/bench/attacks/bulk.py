"""Rows on bulk: operations on all users at once, and how other clients notice them.

The good client sends an action that the proxy answers itself, repeatedly, so the longest time of
a try is the longest pause of the loop.
"""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

import yaml
from cryptography import x509

from tests.bench.attacks.frame import Probe, Row, Try
from tests.bench.attacks.target import Target
from tests.support.certificates import forge, install
from tests.support.ports import free_port
from tests.support.proxy_process import hashed
from tests.support.waiting import until

_SECRET: Final = "s"
_BOSS: Final = {"boss": {"secret": hashed(_SECRET), "write": ["system"], "read": []}}
_LIMITS: Final[dict[str, Any]] = {
    "connections": 2000, "sessions_authenticated": 2000, "connections_per_address": 2000,
}  # fmt: skip
#: Seconds that a reload may take on a busy machine.
_PATIENCE: Final = 120.0
#: The sets of rights between which each reload changes every user.
_RIGHTS: Final = ("[call, agent]", "[call, agent, user]")


class Files:
    """The users files of a target, beside the one that contains its good client."""

    def __init__(self, attacked: Target, users: int, per_file: int) -> None:
        self.attacked = attacked
        self._users = users
        self._per_file = per_file
        self._turn = 0
        self._folder = attacked.directory / "users.d"
        self._folder.mkdir(mode=0o700)
        self._hash = hashed(_SECRET)
        self.write()
        config = yaml.safe_load(attacked.config.read_text())
        del config["users_file"]
        config["users_files"] = ["users.yaml", "users.d/*.yaml"]
        attacked.config.write_text(yaml.safe_dump(config, sort_keys=False))

    def write(self) -> None:
        """Other rights for every user."""
        rights = _RIGHTS[self._turn % len(_RIGHTS)]
        self._turn += 1
        for first in range(0, self._users, self._per_file):
            lines = ["users:"]
            for number in range(first, min(first + self._per_file, self._users)):
                lines += [
                    f"  agent{number}:",
                    f'    secret: "{self._hash}"',
                    f"    read: {rights}",
                    "    write: [call, originate]",
                    '    acl: ["deny 0.0.0.0/0", "permit 127.0.0.0/8"]',
                    f"    channels: [PJSIP/{number}]",
                ]
            file = self._folder / f"{first:06}.yaml"
            file.touch(mode=0o600)
            file.write_text("\n".join(lines) + "\n")


async def reloaded(attacked: Target, event: str = " reloaded ") -> None:
    """SIGHUP, and wait until it is done."""
    assert attacked.process is not None
    before = attacked.stderr.count(event)
    attacked.process.send_signal(signal.SIGHUP)
    await until(
        lambda: attacked.stderr.count(event) > before, lambda: attacked.stderr[-2000:], within=_PATIENCE
    )


#: Prepares a target for an attack, before anything is measured; the result is passed to the attack.
Setting = Callable[[Target], Any]
_SET: dict[int, Any] = {}


@contextlib.asynccontextmanager
async def _pings(attacked: Target, *, setting: Setting) -> AsyncIterator[Try]:
    """Send an action that the proxy answers itself."""
    _SET[id(attacked)] = await asyncio.to_thread(setting, attacked)
    await reloaded(attacked)
    try:
        async with await attacked.connect() as client:
            await client.login("boss", _SECRET)

            async def once() -> None:
                answer = await client.action("Ping")
                assert answer.get("Response") == "Success", answer

            yield once
    finally:
        del _SET[id(attacked)]


@contextlib.asynccontextmanager
async def _repeatedly(figures: dict[str, float], once: Callable[[], Any]) -> AsyncIterator[None]:
    """Repeat this, as fast as it finishes."""
    times = 0
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def run() -> None:
        nonlocal times
        while True:
            await once()
            times += 1

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run())
        yield
        figures["attack_rate"] = times / (loop.time() - began)
        task.cancel()


@contextlib.asynccontextmanager
async def _reloads(attacked: Target, figures: dict[str, float], sessions: int) -> AsyncIterator[None]:
    """Every user has other rights with each reload; some of them are logged in."""
    files: Files = _SET[id(attacked)]

    async def once() -> None:
        await asyncio.to_thread(files.write)
        await reloaded(attacked)

    async with contextlib.AsyncExitStack() as stack:
        for number in range(sessions):
            client = await stack.enter_async_context(await attacked.connect())
            await client.login(f"agent{number}", _SECRET)
        async with _repeatedly(figures, once):
            yield


@contextlib.asynccontextmanager
async def _scrapes(attacked: Target, figures: dict[str, float]) -> AsyncIterator[None]:
    """The metrics are fetched repeatedly."""
    port = int(yaml.safe_load(attacked.config.read_text())["metrics"]["address"].rpartition(":")[2])

    async def once() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = await reader.read(-1)
        writer.close()
        assert text.startswith(b"HTTP/1.1 200"), text[:200]

    async with _repeatedly(figures, once):
        yield


class Certificates:
    """A thousand certificates of a target, and as many others to replace them."""

    def __init__(self, attacked: Target, number: int) -> None:
        self._sets = [attacked.directory / name for name in ("first", "second")]
        self._live = attacked.directory / "live"
        self._turn = 0
        authority = forge("CA", ca=True)
        pairs = []
        for which, folder in enumerate(self._sets):
            for one in range(number):
                name = f"host{one}.example"
                made = forge(name, issuer=authority, names=[x509.DNSName(name)])
                install(folder, made.pem, made.key_pem, str(one))
                if not which:
                    pairs.append({"chain": f"live/{one}.crt", "key": f"live/{one}.key"})
        shutil.copytree(self._sets[0], self._live)
        self._live.chmod(0o700)
        config = yaml.safe_load(attacked.config.read_text())
        config["listeners"][0]["certificates"] += pairs
        attacked.config.write_text(yaml.safe_dump(config, sort_keys=False))

    def change(self) -> None:
        """Replace every file of the live folder."""
        self._turn += 1
        for file in self._sets[self._turn % 2].iterdir():
            new = self._live / f".{file.name}"
            shutil.copy(file, new)
            new.replace(self._live / file.name)


@contextlib.asynccontextmanager
async def _renewals(attacked: Target, figures: dict[str, float]) -> AsyncIterator[None]:
    certificates: Certificates = _SET[id(attacked)]

    async def once() -> None:
        await asyncio.to_thread(certificates.change)
        await reloaded(attacked)

    async with _repeatedly(figures, once):
        yield


def _row(
    title: str, setting: Setting, attack: Callable[..., Any], *, quick: bool = False, **settings: Any
) -> Row:
    probe = Probe("Ping", partial(_pings, setting=setting), pause=0.001)
    return Row(title, [probe], attack, _BOSS, _LIMITS, settings, seconds=15.0, quick=quick)


ROWS: Final = (
    _row(
        "reloads that change 3,400 users, 500 of them logged in",
        partial(Files, users=3400, per_file=3400),
        partial(_reloads, sessions=500),
        quick=True,
    ),
    _row(
        "reloads that change 10,000 users in 4 files",
        partial(Files, users=10_000, per_file=2500),
        partial(_reloads, sessions=0),
    ),
    _row(
        "scrapes with 10,000 users",
        partial(Files, users=10_000, per_file=2500),
        _scrapes,
        metrics={"address": f"127.0.0.1:{free_port()}"},
    ),
    _row("renewals of 1,000 certificates", partial(Certificates, number=1000), _renewals),
)
