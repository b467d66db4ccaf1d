"""Cables between this machine and another network namespace, which can be pulled: no FIN, no RST."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.support.requirements import give_up


@dataclass(frozen=True)
class Cable:
    """A link to another network namespace: ``here`` and ``there`` are its two addresses."""

    namespace: str
    name: str
    here: str
    there: str

    def pull(self) -> None:
        _ip("-n", self.namespace, "link", "set", self.name, "down")

    def plug_in(self) -> None:
        _ip("-n", self.namespace, "link", "set", self.name, "up")

    @property
    def inside(self) -> tuple[str, ...]:
        """A command that runs another one in the namespace."""
        return ("ip", "netns", "exec", self.namespace)

    async def run(self, *command: str) -> asyncio.subprocess.Process:
        """Start Python in the other namespace."""
        return await asyncio.create_subprocess_exec(
            *(*self.inside, sys.executable, *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )


@contextmanager
def cables(number: int = 1) -> Iterator[list[Cable]]:
    """So many cables to one other namespace, as long as the context lasts."""
    namespace = f"amiproxy-{os.getpid()}"
    with ExitStack() as stack:
        try:
            _ip("netns", "add", namespace)
        except (OSError, subprocess.CalledProcessError) as error:
            give_up("NAMESPACES", f"no network namespace can be made here: {error}")
        # The namespace lives as long as any socket in it, and its end of the cable with it.
        stack.callback(_ip, "netns", "delete", namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        yield [stack.enter_context(_cable(namespace, index)) for index in range(number)]


@contextmanager
def _cable(namespace: str, index: int) -> Iterator[Cable]:
    near, name = f"amip{index}-{os.getpid() % 100_000}", f"cable{index}"
    # 198.18.0.0/15 is for tests of networks; a part of it for each run.
    place = f"198.18.{os.getpid() % 250}"
    here, there = f"{place}.{4 * index + 1}", f"{place}.{4 * index + 2}"
    try:
        _ip("link", "add", near, "type", "veth", "peer", "name", name, "netns", namespace)
        _ip("address", "add", f"{here}/30", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", namespace, "address", "add", f"{there}/30", "dev", name)
        _ip("-n", namespace, "link", "set", name, "up")
        yield Cable(namespace, name, here, there)
    finally:
        _ip("link", "delete", near)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
