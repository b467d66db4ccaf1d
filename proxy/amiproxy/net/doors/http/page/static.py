"""The files of the page, which belong to the package: read once, and found by exact names."""

import hashlib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

#: The document itself, which is served at ``/`` and under no name of its own.
INDEX: Final = "index.html"
_FOLDER: Final = "files"
_MEDIA: Final = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "svg": b"image/svg+xml",
}


class StaticFile(NamedTuple):
    """One file as it is served; ``etag`` has its quotes."""

    body: bytes
    media: bytes
    etag: bytes


def read_files() -> dict[str, StaticFile]:
    """All files of the page by their names, such as ``style/base.css``.

    Files with other endings, such as an editor leaves them, are not served.
    """
    return dict(_read(resources.files(__package__) / _FOLDER, ""))


def _read(folder: Traversable, prefix: str) -> Iterator[tuple[str, StaticFile]]:
    for entry in folder.iterdir():
        name = prefix + entry.name
        media = _MEDIA.get(entry.name.rpartition(".")[2])
        if entry.is_dir():
            yield from _read(entry, f"{name}/")
        elif media is not None:
            body = entry.read_bytes()
            yield name, StaticFile(body, media, b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode())
