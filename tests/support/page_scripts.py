"""The scripts of the page, run by node without a browser."""

import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.requirements import give_up

_TOP = Path(__file__).parents[2]
FILES = _TOP / "proxy/amiproxy/net/doors/http/page/files"
TESTS = _TOP / "tests/net/doors/http/page/files"


@functools.cache
def laid_out() -> tempfile.TemporaryDirectory[str]:
    """The page's files and their tests, as they lie in the source, in a folder of ECMAScript modules.

    In the source there is no package.json that says so: browsers need none.
    """
    folder = tempfile.TemporaryDirectory(prefix="page-scripts-")
    for tree in (FILES, TESTS):
        shutil.copytree(tree, Path(folder.name) / tree.relative_to(_TOP))
    (Path(folder.name) / "package.json").write_text('{"type": "module"}')
    return folder


def run(script: Path, *arguments: str, given: object = None) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts in ``TESTS``; ``given`` is what it reads from stdin, as JSON."""
    node = shutil.which("node")
    if node is None:
        give_up("NODE", "node is not installed: apt-get install nodejs")
    return subprocess.run(
        [node, *arguments, str(Path(laid_out().name) / script.relative_to(_TOP))],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answer(script: Path, given: object) -> Any:
    """What a script writes to stdout, as JSON."""
    done = run(script, given=given)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
