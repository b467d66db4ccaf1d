"""The demo's options, and the error that ends it."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = Path("demo-state")


class DemoError(Exception):
    """The demo cannot continue; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class RealAsterisk:
    """A manager user of an Asterisk that is running: everything the link needs."""

    host: str
    port: int
    user: str
    secret_file: Path


@dataclass(frozen=True, slots=True)
class Options:
    """The demo's options.

    ``seconds`` is how long to run at least, without a live screen; None: until Ctrl-C on a terminal.
    """

    folder: Path = DEFAULT_FOLDER
    asterisk: RealAsterisk | None = None
    seconds: float | None = None
