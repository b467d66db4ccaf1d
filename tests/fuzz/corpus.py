"""Seeds for each target: recorded sessions of real Asterisks, the files as shipped, every request."""

import json
from collections.abc import Iterable
from pathlib import Path

from proxy.net.control.commands import COMMANDS

_ROOT = Path(__file__).parents[2]
_RECORDED = _ROOT / "tests" / "transcripts" / "data"
#: Inputs that once failed, kept by the name of their target.
_FOUND = Path(__file__).parent / "found"

#: libFuzzer's default is to take no input over the longest seed; this keeps single runs short.
LONGEST = 4096

_FILTERS = [
    b"!UserEvent: (Note|Text).*$",
    b"^Event: [[:alpha:]]+\nname(UserEvent),header(Channel),method(regex),action(exclude)",
    b"PJSIP/\nheader(Channel),method(starts_with)",
    b"(a|b){1,3}[^]x-z]?\\b\\<w\\>\nmethod(contains)",
    b"\xc5\xbc+\nheader(Note)",
]


def seeds(target: str) -> list[bytes]:
    """What to begin with; every input is at most LONGEST bytes."""
    return [seed[:LONGEST] for seed in (*found(target), *_made(target))]


def found(target: str) -> list[bytes]:
    """What failed once."""
    return [path.read_bytes() for path in sorted((_FOUND / target).glob("*"))]


def _made(target: str) -> Iterable[bytes]:
    match target:
        case "client_bytes" | "client_session":
            return _recorded("*.out")
        case "upstream_bytes":
            return _recorded("*.in")
        case "event_rebuilding":
            return {m for data in _recorded("*.in") for m in data.split(b"\r\n\r\n") if m[:6] == b"Event:"}
        case "eventfilters":
            return _FILTERS
        case "configuration":
            return _files("deploy/proxy.yaml")
        case "users":
            return _files("deploy/users.yaml", "deploy/examples/users.yaml")
        case "control":
            return (
                json.dumps({"command": c.name, "arguments": dict.fromkeys(c.arguments, "x")}).encode()
                for c in COMMANDS.values()
            )
    raise ValueError(f"there are no seeds for {target!r}")


def _recorded(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(_RECORDED.glob(pattern))]


def _files(*names: str) -> list[bytes]:
    """Each whole, and cut into its paragraphs, for a long file is mostly comment."""
    texts = [(_ROOT / name).read_bytes() for name in names]
    return [part for text in texts for part in (text, *text.split(b"\n\n"))]
