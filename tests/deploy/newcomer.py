"""From a clean Debian 12 with Asterisk to the first event on a foreign client: commands, and time.

``python3 -m tests.deploy.newcomer [PACKAGE]`` measures it with this package (``dist/*.deb``), and prints it.
"""

import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.follower import Follower
from tests.deploy.pages import TOP, blocks
from tests.deploy.site import Site

_GUIDE = "deploy/README.md"
_SECONDS = 30.0


@dataclass
class Arrival:
    """What it took: the commands with their seconds; the user's ``secret``; the first ``event``."""

    commands: list[tuple[str, float]] = field(default_factory=list)
    secret: str = ""
    event: str = ""

    def __str__(self) -> str:
        lines = [f"{seconds:6.1f} s  {command}" for command, seconds in self.commands]
        return "\n".join([*lines, f"{self.seconds:6.1f} s  until the first event, {self.event}"])

    @property
    def seconds(self) -> float:
        """From the first command until the event."""
        return sum(seconds for _, seconds in self.commands)


def arrive(guide: Follower, package: Path) -> Arrival:
    """Follow the guide to the first event.  The package was copied to the PBX before."""
    site = guide.site
    site.pbx.write(f"/root/{package.name}", package.read_bytes())
    arrival = Arrival()
    for heading in ("Install", "Set up"):
        [block] = [block for block in blocks(_GUIDE) if block.heading == heading and block.is_typed]
        started = time.monotonic()
        said = guide.block(block)
        command = re.sub(r"\\\n *", "", block.text).strip()
        assert "\n" not in command
        arrival.commands.append((command, time.monotonic() - started))
    [arrival.secret] = re.findall(r"Secret: (\S+)", said)
    started = time.monotonic()
    (site.folder / "ca.crt").write_text(site.pbx.run("cat", "/etc/ami-proxy/ca/ca.crt").stdout)
    arrival.commands.append(("scp pbx.example.org:/etc/ami-proxy/ca/ca.crt .", time.monotonic() - started))
    started = time.monotonic()
    arrival.event = _first_event(site, arrival.secret)
    arrival.commands.append(("python3 client.py", time.monotonic() - started))
    return arrival


def _first_event(site: Site, secret: str) -> str:
    """The first line that the client of the project's page prints once an agent joins a queue."""
    [client] = [block for block in blocks("README.md") if block.language == "python"]
    assert client.text.count('"…"') == 1
    (site.folder / "client.py").write_text(client.text.replace("…", secret))
    line = site.client(sys.executable, "-u", "client.py")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            give_up = time.monotonic() + _SECONDS
            while "wallboard" not in site.pbx.run("ami-proxy", "ctl", "sessions").stdout:
                assert time.monotonic() < give_up, "the client does not log in"
                time.sleep(0.1)
            site.asterisk("queue add member Local/1@default to support")
            assert process.stdout is not None
            return process.stdout.readline().strip()
        finally:
            process.kill()


def main(package: Path) -> None:
    """Measure it once, and print it."""
    with Site("newcomer") as site:
        sys.stdout.write(f"{arrive(Follower(site), package)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else max((TOP / "dist").glob("*.deb")))
