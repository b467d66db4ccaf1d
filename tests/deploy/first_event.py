"""From a clean Debian 12 with Asterisk to the first event at another program: commands and time.

``python3 -m tests.deploy.first_event [PACKAGE]`` measures it with this package (``dist/*.deb``).
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
class Measured:
    """The commands with their seconds, the user's ``secret``, and the first ``event``."""

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


def reach_first_event(guide: Follower, package: Path) -> Measured:
    """Follow the guide to the first event.  The package was copied to the PBX before."""
    site = guide.site
    site.pbx.write(f"/root/{package.name}", package.read_bytes())
    measured = Measured()
    for heading in ("Install", "Set up"):
        [block] = [block for block in blocks(_GUIDE) if block.heading == heading and block.is_typed]
        started = time.monotonic()
        said = guide.block(block)
        command = re.sub(r"\\\n *", "", block.text).strip()
        assert "\n" not in command
        measured.commands.append((command, time.monotonic() - started))
    [measured.secret] = re.findall(r"Secret: (\S+)", said)
    started = time.monotonic()
    (site.folder / "ca.crt").write_text(site.pbx.run("cat", "/etc/ami-proxy/ca/ca.crt").stdout)
    measured.commands.append(("scp pbx.example.org:/etc/ami-proxy/ca/ca.crt .", time.monotonic() - started))
    started = time.monotonic()
    measured.event = _first_event(site, measured.secret)
    measured.commands.append(("python3 client.py", time.monotonic() - started))
    return measured


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
    with Site("measured") as site:
        sys.stdout.write(f"{reach_first_event(Follower(site), package)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else max((TOP / "dist").glob("*.deb")))
