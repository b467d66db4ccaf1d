"""One measurement's set-up: the source of events, a peer, one swarm of clients or two."""

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import measure
from tests.bench.accounts import EVERYTHING, SECRET, Account, due
from tests.bench.peers import Peer, Place
from tests.support.ports import free_port

_BINARIES = Path("build/bench")
_ANSWER_SECONDS = 60.0
#: How long events may still arrive after the storm; later ones are lost.
_LATE_SECONDS = 5.0
#: How long after the last event that was checked the others have received theirs too.
_SETTLE_SECONDS = 0.3
#: The highest niceness.
_LAST = 19

Figures = dict[str, float]


class Failed(Exception):
    """The measurement failed; the text gives the reason."""


class Tool:
    """One of our C programs: commands in, one JSON object a line out."""

    def __init__(self, name: str, *arguments: object, cpus: str = "") -> None:
        command = [str(_BINARIES / name), *map(str, arguments)]
        self._name = name
        self._process = subprocess.Popen(
            ["taskset", "-c", cpus, *command] if cpus else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._buffer = b""

    def say(self, command: str) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")

    def hear(self, what: str, seconds: float = _ANSWER_SECONDS) -> dict[str, Any]:
        """The next answer, which must be of this kind.  Raises Failed without one in that time."""
        assert self._process.stdout is not None
        give_up = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = give_up - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise Failed(f"{self._name} did not get there in {seconds:.0f} s ({what})")
            data = self._process.stdout.read(65536)
            if not data:
                raise Failed(f"{self._name} ended")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if answer["is"] != what:
            raise Failed(f"{self._name} said {answer['is']}, not {what}")
        return answer

    def ask(self, command: str, what: str, seconds: float = _ANSWER_SECONDS) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self.say(command)
        return self.hear(what, seconds)

    def give_way(self) -> None:
        """Give all other processes priority, from now on."""
        os.setpriority(os.PRIO_PROCESS, self.pid, _LAST)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Rig:
    """A source and a peer that runs; ``swarm`` adds clients.  Made by ``rig``."""

    def __init__(
        self, kind: type[Peer], place: Place, accounts: Sequence[Account], pinned: bool, items: int
    ) -> None:
        self.kind = kind
        self.accounts = accounts
        self._tool_cpus = f"1-{_last_cpu()}" if pinned else ""
        self._swarms: list[Tool] = []
        self._source: Tool | None = None
        upstream = free_port()
        if not kind.is_asterisk:
            options = ("--port", upstream, "--secret", SECRET, "--items", items, "--servers", kind.servers)
            self._source = Tool("source", *options, cpus=self._tool_cpus)
            self._source.hear("listening")
        self.peer = kind(place, upstream, accounts, "0" if pinned else "")
        try:
            self.peer.start()
            if self._source is None:
                self._source = Tool("source", "--into", self.peer.upstream, "--secret", SECRET)
                self._source.hear("listening")
            elif kind.multiplexes:
                self._await_login()
        except BaseException:
            self.stop()
            raise

    @property
    def source(self) -> Tool:
        """The address that events come from."""
        assert self._source is not None
        return self._source

    def _await_login(self) -> None:
        give_up = time.monotonic() + _ANSWER_SECONDS
        while self.source.ask("stat", "stat")["logins"] < self.kind.servers:
            if time.monotonic() > give_up:
                raise Failed(f"{self.kind.name} did not log in upstream")
            time.sleep(0.02)

    def sees(self, account: Account) -> int:
        """The events that a client of this account is to be sent by this peer."""
        return account.sees if self.kind.has_rights else EVERYTHING

    def swarm(
        self, clients: int, *options: object, accounts: Sequence[Account] = (), port: int | None = None
    ) -> Tool:
        """This many clients, which have begun to log in: the answer "in" is still to be read.

        ``port`` is another one than the peer's first.
        """
        arguments: list[object] = ["--port", port or self.peer.port, "--clients", clients]
        for account in accounts or self.accounts:
            arguments += ["--account", f"{account.name}:{SECRET}:{self.sees(account)}"]
        if self.kind.servers > 1:
            arguments += ["--servers", self.kind.servers]
        arguments += ["--door", self.kind.door, *self.kind.swarm_options]
        swarm = Tool("swarm", *arguments, *options, cpus=self._tool_cpus)
        self._swarms.append(swarm)
        return swarm

    @contextmanager
    def using(self, figures: Figures) -> Iterator[None]:
        """Add to ``figures`` what peer, its helpers, source and others use meanwhile, in CPU seconds."""
        helpers = self.peer.helpers()
        tools = [self.source.pid, *(swarm.pid for swarm in self._swarms)]
        tools += [pid for pids in helpers.values() for pid in pids]
        began = time.monotonic()
        peer, source, ours = self._peer_cpu(), measure.cpu_seconds([self.source.pid]), self._all_cpu(tools)
        helping = {name: measure.precise_cpu_seconds(pids) for name, pids in helpers.items()}
        machine = measure.machine_busy()
        yield
        seconds = time.monotonic() - began
        machine = measure.machine_busy() - machine
        others = machine - (self._all_cpu(tools) - ours)
        for name, pids in helpers.items():
            figures[f"{name}_cpu"] = measure.precise_cpu_seconds(pids) - helping[name]
        figures["cpu"] = self._peer_cpu() - peer
        figures["source_cpu"] = measure.cpu_seconds([self.source.pid]) - source
        figures["tool_cores"] = (self._all_cpu(tools) - ours - figures["cpu"]) / seconds
        figures["cores"] = figures["cpu"] / seconds
        figures["others"] = max(0.0, others / seconds)

    def _peer_cpu(self) -> float:
        return measure.cpu_seconds(self.peer.pids())

    def _all_cpu(self, tools: Sequence[int]) -> float:
        return self._peer_cpu() + measure.cpu_seconds(tools)

    def storm_without_clients(self, rate: float, seconds: float) -> float:
        """CPU seconds that the peer needs to make these events, if it is a source itself."""
        figures: Figures = {}
        with self.using(figures):
            self.source.ask(f"storm {rate} {seconds}", "stormed", seconds + _ANSWER_SECONDS)
        return figures["cpu"]

    def storm(self, swarm: Tool, clients: int, checked: int, rate: float, seconds: float) -> Figures:
        """Let it storm; the events that arrived at the swarm, their times, and the cost."""
        return self.storm_at([swarm], clients, checked, rate, seconds)

    def storm_at(
        self, swarms: Sequence[Tool], clients: int, checked: int, rate: float, seconds: float
    ) -> Figures:
        """The same with several swarms of so many clients each; the times are those of the slowest one."""
        figures: Figures = {}
        with self.using(figures):
            for swarm in swarms:
                swarm.say("mark")
            stormed = self.source.ask(f"storm {rate} {seconds}", "stormed", seconds + _ANSWER_SECONDS)
            expected = self.expected(stormed["by_type"], checked)
            found = _asked(swarms, f"wait {expected} {_LATE_SECONDS * 1000:.0f}")
            if checked < clients:
                # Those that are only counted may be served after the checked ones.
                found = _asked(swarms, f"wait {expected + 1} {_SETTLE_SECONDS * 1000:.0f}")
        whole = self.expected(stormed["by_type"], clients)
        delivered = sum(
            whole
            * waited["events"]
            / max(1, expected)
            * (waited["discarded_share"] if checked < clients else 1)
            for waited in found
        )
        slowest = max(found, key=lambda waited: (waited["latency"] or {"p99": 0.0})["p99"])
        figures |= {
            "events": float(stormed["events"]),
            "delivered": delivered,
            "per_second": delivered / max(seconds, *(waited["last_event"] for waited in found)),
            "lost": max(0.0, 100.0 * (1.0 - delivered / (whole * len(swarms)))),
            "faults": sum(waited["gaps"] + waited["disorder"] + waited["leaks"] for waited in found),
            "dropped": sum(waited["dropped"] for waited in found),
            "polls": sum(waited["answers"] for waited in found),
            "cost": figures["cpu"] / max(1.0, delivered) * 1e6,
            "source_cost": figures["source_cpu"] / max(1.0, delivered) * 1e6,
            "event_bytes": stormed["bytes"] / stormed["events"],
            "pss": measure.pss_kib(self.peer.pids()) / 1024,
            **of_histogram(slowest["latency"]),
        }
        return figures

    def expected(self, by_type: Sequence[int], clients: int) -> int:
        """Events that this many clients of a swarm, the first ones, are to be sent."""
        accounts = self.accounts
        return sum(
            due(account, by_type) if self.kind.has_rights else sum(by_type)
            for account in (accounts[n % len(accounts)] for n in range(clients))
        )

    def stop(self) -> None:
        """End all of it."""
        for tool in (*self._swarms, self._source):
            if tool is not None:
                tool.stop()
        self.peer.stop()


def _asked(swarms: Sequence[Tool], command: str) -> list[dict[str, Any]]:
    """What all swarms answer to a command to wait, which they get at the same time."""
    for swarm in swarms:
        swarm.say(command)
    return [swarm.hear("waited") for swarm in swarms]


def of_histogram(found: dict[str, float] | None, prefix: str = "") -> Figures:
    """Percentiles in milliseconds; empty if there is nothing to compute them from."""
    return {f"{prefix}{name}": found[name] for name in ("p50", "p90", "p99", "max")} if found else {}


def _last_cpu() -> int:
    count = os.cpu_count() or 1
    if count < 2:
        raise Failed("saturation needs two processors: one for the peer, the others for everything else")
    return count - 1


@contextmanager
def rig(
    kind: type[Peer], place: Place, accounts: Sequence[Account], pinned: bool = False, items: int = 20
) -> Iterator[Rig]:
    """A rig that is taken down at the end; Asterisk lists this many channels."""
    made = Rig(kind, place, accounts, pinned, items)
    try:
        yield made
    finally:
        made.stop()
