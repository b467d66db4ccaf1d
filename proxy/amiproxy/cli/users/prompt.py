"""Reads a secret from a prompt or a pipe; never from the arguments, which every local user can list."""

import getpass
import sys
from typing import Final

from amiproxy.config import Unfit
from amiproxy.core.model.phc import MAX_SECRET_BYTES
from amiproxy.tools import terminal

_SHORT: Final = 12


def new_secret() -> bytes:
    """Prompt twice without echo, or read stdin to its end if it is not a terminal.

    Exactly one newline at the end is removed.  Raises Unfit for a secret that no client
    could send.
    """
    if sys.stdin.isatty():
        first = getpass.getpass("Secret: ")
        if first != getpass.getpass("Again: "):
            raise Unfit("the two secrets differ", "try again")
        secret = first.encode(errors="surrogateescape")
    else:
        secret = piped_secret()
    if not secret:
        raise Unfit("the secret is empty", "enter one, or make one with: ami-proxy users generate")
    if len(secret) > MAX_SECRET_BYTES:
        raise Unfit(f"the secret is longer than {MAX_SECRET_BYTES} bytes", "choose a shorter one")
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise Unfit("the secret contains a line break or control character", "give one line of plain text")
    return secret


def warn_of_short(secret: bytes) -> None:
    """Warn about a secret that can be guessed, whatever it is hashed with."""
    if len(secret) < _SHORT:
        text = f"the secret has fewer than {_SHORT} characters, and can be guessed"
        terminal.error(f"warning: {text}; make one with: ami-proxy users generate")


def piped_secret() -> bytes:
    """Read stdin to its end, without one newline there, but not much more than a secret may have."""
    return sys.stdin.buffer.read(MAX_SECRET_BYTES + 2).removesuffix(b"\n").removesuffix(b"\r")
