"""Take a secret from a person or a pipe; never from the arguments, which everybody can list."""

import getpass
import sys

from proxy.config import Unfit

#: Asterisk reads lines of 1,022 bytes; this leaves room for the header's name.
MAX_SECRET_BYTES = 900


def new_secret() -> bytes:
    """Ask twice without echo, or read stdin to its end where it is no terminal.

    Exactly one newline at the end is not part of it.  Raises Unfit for what no
    client could send.
    """
    if sys.stdin.isatty():
        first = getpass.getpass("Secret: ")
        if first != getpass.getpass("Again: "):
            raise Unfit("the two are not the same", "try again")
        secret = first.encode(errors="surrogateescape")
    else:
        secret = sys.stdin.buffer.read(MAX_SECRET_BYTES + 2)
        secret = secret.removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise Unfit("the secret is empty", "type one, or let ami-proxy users generate make one")
    if len(secret) > MAX_SECRET_BYTES:
        raise Unfit(f"the secret is longer than {MAX_SECRET_BYTES} bytes", "choose a shorter one")
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise Unfit("the secret has a line break or control character in it", "give one line of plain text")
    return secret
