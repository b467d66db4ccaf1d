"""The two secret files of a process in a fleet: its own seed, and the keys of positions, which all have."""

import re
from pathlib import Path
from typing import Final

from amiproxy.config.fleet.nkeys import check_seed
from amiproxy.config.reading.files import read_private, read_secret
from amiproxy.core.model.errors import Unfit

#: The bytes of a key of positions.
TOKEN_KEY_BYTES: Final = 16
#: How many keys of positions there may be; two are needed while one is replaced.
MOST_TOKEN_KEYS: Final = 8
_LINE: Final = re.compile(rb"[0-9A-Fa-f]{%d}" % (2 * TOKEN_KEY_BYTES))
_REMEDY: Final = "make it with: ami-proxy fleet keys"


def read_seed(path: Path) -> bytes:
    """The seed in a file of one line.  Raises Unfit, which does not repeat what is in the file."""
    seed = read_secret(path)
    try:
        check_seed(seed)
    except Unfit as error:
        raise Unfit(f"{path}: {error}", error.remedy) from None
    return seed


def secrets_by_key(seed: bytes, token_keys: tuple[bytes, ...]) -> dict[str, bytes]:
    """Both secrets by the key of proxy.yaml that names their file; none for a process in no fleet."""
    return {"fleet.seed_file": seed, "fleet.token_key_file": b"".join(token_keys)} if seed else {}


def read_token_keys(path: Path) -> tuple[bytes, ...]:
    """The keys in a file, 32 hexadecimal digits a line, the one that seals first.

    Raises Unfit, which does not repeat what is in the file.
    """
    lines = read_private(path).splitlines()
    if not lines:
        raise Unfit(f"{path} is empty", _REMEDY)
    for number, line in enumerate(lines, 1):
        if not _LINE.fullmatch(line):
            raise Unfit(f"{path}: line {number} is not a key of 32 hexadecimal digits", _REMEDY)
    keys = tuple(bytes.fromhex(line.decode()) for line in lines)
    if len(set(keys)) < len(keys):
        raise Unfit(f"{path} has one key twice", "remove one of the two lines")
    if len(keys) > MOST_TOKEN_KEYS:
        text = f"{path} has {len(keys)} keys, but at most {MOST_TOKEN_KEYS} are allowed"
        raise Unfit(text, "remove the last lines, whose tokens are the oldest")
    return keys
