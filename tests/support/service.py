"""The service as its operator sees it: a process, its files, its signals and its log."""

import asyncio
from collections.abc import Mapping
from typing import Any

import yaml

from tests.support import twin
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import until

SECRET = "a secret of 22 letters"
PASSWORDS = {"boss": "chief", "caller": "ring", "blind": "dark"}
USERS: dict[str, dict[str, Any]] = {
    "boss": {"secret": hashed("chief"), "read": "all", "write": "all"},
    "caller": {"secret": hashed("ring"), "read": ["call"], "write": ["call", "originate"]},
    "blind": {"secret": hashed("dark"), "read": [], "write": ["system", "reporting"]},
}
#: All clients come from one address here.
LIMITS: dict[str, Any] = {
    "connections_per_address": 1000,
    "connection_rate": 10000,
    "connection_burst": 10000,
    "unauthenticated_per_address": 128,
    "sessions_per_user": 1000,
    "login_failure_burst": 1000,
    "originate_rate": 1000,
    "originate_burst": 1000,
    "reconnect_min": 0.05,
    "reconnect_max": 0.2,
}


class Service(ProxyProcess):
    """The process, and an operator's actions on it."""

    async def start_up(self) -> None:
        """Start it without blocking the simulator."""
        await asyncio.to_thread(self.start)

    async def said(self, text: str) -> None:
        """Wait until it has logged this."""
        await until(lambda: text in self.stderr, lambda: f"{text!r} in {self.stderr[-3000:]}")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def status(self) -> int:
        """Wait for its end; its exit status."""
        process = self.process
        assert process is not None
        await until(lambda: process.poll() is not None, lambda: self.stderr[-3000:])
        return process.returncode

    def write_users(self, users: Mapping[str, Any]) -> None:
        written = {"users": twin.permitted(users)}
        (self.directory / "users.yaml").write_text(yaml.safe_dump(written, sort_keys=False))

    def change(self, **settings: Any) -> None:
        """Other keys in proxy.yaml."""
        configuration = yaml.safe_load(self.config.read_text())
        if "upstream" in settings:
            configuration = twin.with_upstream(configuration, settings.pop("upstream"))
        if "listeners" in settings:
            settings["listeners"] = twin.with_server(settings["listeners"])
        self.config.write_text(yaml.safe_dump({**configuration, **settings}, sort_keys=False))

    def drop(self, key: str) -> None:
        """Remove a key of proxy.yaml."""
        configuration = yaml.safe_load(self.config.read_text())
        del configuration[key]
        self.config.write_text(yaml.safe_dump(configuration, sort_keys=False))

    async def client(self, user: str, *, source: str | None = None, **more: str) -> AmiClient:
        """A session that has logged in, from the address ``source``."""
        client = await self.connect(source)
        answer = await client.login(user, PASSWORDS[user], **more)
        assert answer.get("Message") == "Authentication accepted", answer
        return client

    async def linked(self, times: int = 1) -> None:
        """Wait until it has logged in to Asterisk this many times."""
        await until(lambda: self.links_made >= times, lambda: self.stderr[-3000:])
