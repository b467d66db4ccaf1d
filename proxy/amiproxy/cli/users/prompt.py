"""Reads a secret from a prompt or a pipe; never from the arguments, which every local user can list."""

import getpass
import sys

from amiproxy.config import Unfit

#: Asterisk reads lines of at most 1,022 bytes; this leaves room for the header's name.
MAX_SECRET_BYTES = 900


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
        secret = sys.stdin.buffer.read(MAX_SECRET_BYTES + 2)
        secret = secret.removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise Unfit("the secret is empty", "enter one, or make one with: ami-proxy users generate")
    if len(secret) > MAX_SECRET_BYTES:
        raise Unfit(f"the secret is longer than {MAX_SECRET_BYTES} bytes", "choose a shorter one")
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise Unfit("the secret contains a line break or control character", "give one line of plain text")
    return secret
