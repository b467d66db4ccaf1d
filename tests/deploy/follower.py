"""A reader who does what an operator's pages say: types each block in its place, and reads the output."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import yaml

from tests.deploy.pages import PAGES, Block, blocks
from tests.deploy.site import Site

_SECONDS = 120
# As a person stops at the first line that fails; the trap says which one it was.
_SHELL = (
    *("env", "-i", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"),
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    *("bash", "-e", "-o", "pipefail", "-c"),
)
_TRAP = "trap 'echo \"line $((LINENO - 1)): $BASH_COMMAND\" >&2' ERR\n"


class Refused(AssertionError):
    """A line of a block failed, or printed something else than the page shows."""


@dataclass(frozen=True)
class Done:
    """One command that was typed; the statuses of a block's lines are those of a shell with ``set -e``."""

    status: int
    output: str
    errors: str


class Follower:
    """Types blocks at ``site``.  ``placeholders`` are words of the pages, and what is typed for them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.placeholders: dict[str, str] = {}
        #: The working directory on the PBX.
        self.folder = "/root"
        self._left = [block for page in PAGES for block in blocks(page) if block.is_typed]

    @property
    def left(self) -> list[str]:
        """The blocks that have not been typed yet."""
        return [str(block) for block in self._left]

    def section(self, page: str, heading: str, *numbers: int, typed: str = "", status: int = 0) -> str:
        """Type the blocks of a section, or those with these numbers (from 0), in order; the output.

        ``typed`` goes to the commands' input; ``status`` is that of the last line.  Raises Refused.
        """
        found = [block for block in blocks(page) if block.heading == heading and block.is_typed]
        chosen = [found[number] for number in numbers or range(len(found))]
        assert chosen, f"{page} has no block to type below {heading!r}"
        return "".join(self.block(block, typed=typed, status=status) for block in chosen)

    def block(self, block: Block, *, typed: str = "", status: int = 0) -> str:
        """Type one block; the output."""
        if block in self._left:
            self._left.remove(block)
        output = ""
        for script, expected in _scripts(block):
            done = self._type(block, script, typed)
            if done.status != status:
                raise Refused(f"{block}: status {done.status}\n{script}\n{done.output}{done.errors}")
            if missing := list(unseen(expected, done.output)):
                raise Refused(f"{block}: no line like {missing[0]!r} in\n{done.output}{done.errors}")
            output += done.output + done.errors
        return output

    def snippet(self, page: str, heading: str, file: str, without: tuple[str, ...] = ()) -> None:
        """Put the keys of the section's snippet into this YAML file of the proxy, as with an editor.

        ``without``: the keys that the page has them replace.
        """
        [snippet] = [block for block in blocks(page) if block.heading == heading and block.place == file]
        path = f"/etc/ami-proxy/{file}"
        settings = yaml.safe_load(self.site.pbx.run("cat", path).stdout) | yaml.safe_load(snippet.text)
        settings = {name: value for name, value in settings.items() if name not in without}
        # Into the same file, which keeps its owner and mode.
        self.site.pbx.run("sh", "-c", 'cat > "$0"', path, stdin=yaml.safe_dump(settings).encode())

    def _type(self, block: Block, script: str, typed: str) -> Done:
        for word, instead in self.placeholders.items():
            script = re.sub(rf"(?<![A-Z]){word}(?![A-Z])", instead, script)
        if block.language == "python":
            line = self.site.client(sys.executable, "-c", script)
        elif block.place == "client":
            line = self.site.client(*_SHELL, f"{_TRAP}{script}")
        else:
            line = self.site.pbx.inside(*_SHELL, f"{_TRAP}cd {self.folder}\n{script}")
        done = subprocess.run(
            line, check=False, input=typed, capture_output=True, text=True, timeout=_SECONDS
        )
        return Done(done.returncode, done.stdout, done.stderr)


def _scripts(block: Block) -> Iterator[tuple[str, list[str]]]:
    """What is typed, and the lines that are printed then."""
    if block.language != "console":
        yield block.text, []
        return
    for part in re.split(r"(?m)^\$ ", block.text)[1:]:
        lines = part.splitlines()
        end = next((n for n, line in enumerate(lines) if not line.endswith("\\")), len(lines) - 1)
        yield "\n".join(lines[: end + 1]), lines[end + 1 :]


def unseen(expected: Iterable[str], output: str) -> Iterator[str]:
    """The lines that a page shows and the output lacks.

    Lines are compared by their first word, in order; the page may leave out lines, and one that begins with
    ``…`` stands for any.
    """
    words = iter(line.split()[0] for line in output.splitlines() if line.split())
    for line in expected:
        if (word := (line.split() or ["…"])[0]) != "…" and word not in words:
            yield line
