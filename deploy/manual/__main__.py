"""``python -m deploy.manual FOLDER``: write manual pages and completions for a package."""

import gzip
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from amiproxy import __version__
from amiproxy.cli import parser_for
from deploy.manual import commands, completions, files
from deploy.manual.parsers import command_of

_DEPLOY = Path(__file__).parents[1]


#: A file, the name of its page, and a whole file as an example.
_FILES = (
    ("proxy.yaml", "ami-proxy.yaml", "debian/proxy.yaml"),
    ("users.yaml", "ami-proxy-users.yaml", "examples/users.yaml"),
)


def written(date: str) -> Iterator[tuple[str, str]]:
    """Each file: its place in the file system, and its text."""
    root = command_of(parser_for())
    for name, text in commands.pages(root, __version__, date):
        yield f"usr/share/man/man1/{name}", text
    for file, page, example in _FILES:
        also = [f"\\fB{other}\\fR(5)" for other, _, _ in _FILES if other != file]
        also += ["\\fBami\\-proxy\\fR(1)", "\\fBami\\-proxy\\-check\\fR(1)"]
        text = files.page(
            (file, page),
            (_DEPLOY / file).read_text(),
            (_DEPLOY / example).read_text(),
            also,
            __version__,
            date,
        )
        yield f"usr/share/man/man5/{page}.5", text
    yield from completions.scripts(root)


def main(folder: Path) -> None:
    """Write everything below the folder, manual pages compressed.

    The same sources and date give the same bytes.  The date is that of ``SOURCE_DATE_EPOCH``
    (seconds), or today.
    """
    now = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    for place, text in written(f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"):
        compressed = place.startswith("usr/share/man/")
        path = folder / (f"{place}.gz" if compressed else place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if compressed else text.encode())
    for file, page, _ in _FILES:
        # So that man finds it by the name of the file as well.
        (folder / f"usr/share/man/man5/{file}.5.gz").symlink_to(f"{page}.5.gz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
