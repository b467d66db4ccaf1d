"""Three real nats-servers on loopback, with TLS between them and for their clients."""

import contextlib
import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import trustme

from tests.fleet.lab import engine
from tests.fleet.lab.accounts import Plan
from tests.support.ports import free_port
from tests.support.waiting import wait_until

_NAMES = ("n1", "n2", "n3")

_CONFIGURATION = """
server_name: {name}
listen: "{host}:{port}"
http: "127.0.0.1:{monitor}"
tls: {{cert_file: node.crt, key_file: node.key, ca_file: ca.pem, timeout: 10}}
ping_interval: 5
cluster: {{
  name: fleet
  listen: "127.0.0.1:{routes}"
  tls: {{cert_file: node.crt, key_file: node.key, ca_file: ca.pem, verify: true, timeout: 10}}
  routes: [{others}]
  no_advertise: true
}}
include accounts.conf
"""


class Node:
    """One nats-server; the files of all are in one folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.port = free_port()
        self.monitor = free_port()
        self.routes = free_port()
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def start(self) -> None:
        """Start it; it may already have been running before."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [engine.nats_server(), "--config", f"{self.name}.conf"],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, lambda: self.log.read_text()[-2000:], within=30)

    def kill(self) -> None:
        """SIGKILL; harmless if it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process, which must have been started."""
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open, and nothing comes."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def seen(self, what: str) -> dict[str, Any]:
        """A page of its monitoring port, such as ``routez``."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/{what}", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def clients(self) -> list[str]:
        """The public keys of its clients, once for each connection."""
        return [one.get("authorized_user", "") for one in self.seen("connz?auth=1&limit=1000")["connections"]]

    def peers(self) -> set[str]:
        """The names of the nodes that it is connected to."""
        return {route["remote_name"] for route in self.seen("routez")["routes"]}

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-2000:]
        with contextlib.suppress(OSError):
            return bool(self.seen("varz"))
        return False


class Cluster:
    """Three nodes that let the processes of a plan in.

    ``host`` is the address on which they listen for those.  Raises Unavailable where there is no nats-server.
    """

    def __init__(self, folder: Path, plan: Plan, host: str = "127.0.0.1") -> None:
        engine.nats_server()
        self.folder = folder
        self.plan = plan
        self.host = host
        self.cafile = folder / "ca.pem"
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(self.cafile))
        leaf = ca.issue_cert("localhost", "127.0.0.1", host)
        leaf.cert_chain_pems[0].write_to_path(str(folder / "node.crt"))
        leaf.private_key_pem.write_to_path(str(folder / "node.key"))
        self.write_accounts()
        self.nodes = [Node(name, folder) for name in _NAMES]
        for node in self.nodes:
            others = ", ".join(f'"nats-route://127.0.0.1:{o.routes}"' for o in self.nodes if o is not node)
            (folder / f"{node.name}.conf").write_text(
                _CONFIGURATION.format(
                    name=node.name,
                    host=host,
                    port=node.port,
                    monitor=node.monitor,
                    routes=node.routes,
                    others=others,
                )
            )

    @property
    def addresses(self) -> list[str]:
        """``engines:`` of a process."""
        return [f"{self.host}:{node.port}" for node in self.nodes]

    def start(self) -> None:
        """Start all, and wait until each is connected to the others."""
        for node in self.nodes:
            node.start()
        self.formed()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def formed(self) -> None:
        """Wait until each node is connected to all others."""
        names = set(_NAMES)
        wait_until(
            lambda: all(node.peers() == names - {node.name} for node in self.nodes),
            lambda: {node.name: node.peers() for node in self.nodes},
            within=30,
        )

    def node_of(self, name: str) -> Node | None:
        """A node to which this process is connected; None if it is not."""
        public = self.plan.keys[name].public
        return next((node for node in self.nodes if public in node.clients()), None)

    def write_accounts(self, without: tuple[str, ...] = (), text: str = "") -> None:
        """Let in the processes of the plan, except some; or those of a text."""
        (self.folder / "accounts.conf").write_text(text or self.plan.accounts(without))

    def reload(self) -> None:
        """Have all nodes read their configuration again."""
        for node in self.nodes:
            node.signal(signal.SIGHUP)
