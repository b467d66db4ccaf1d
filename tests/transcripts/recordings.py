"""The recorded sessions in data/, for the tests beside this file."""

from pathlib import Path

DATA = Path(__file__).parent / "data"
STEMS = tuple(sorted(path.with_suffix("") for path in DATA.glob("*.in")))


def received(stem: Path) -> bytes:
    """The bytes that Asterisk sent."""
    return stem.with_suffix(".in").read_bytes()


def sent(stem: Path) -> bytes:
    """The bytes that the client sent."""
    return stem.with_suffix(".out").read_bytes()
