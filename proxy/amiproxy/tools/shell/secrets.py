"""Where the secret of a login comes from: never the arguments or the environment, which others can read."""

import getpass
import os
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.config.reading.files import read_secret
from amiproxy.core.model.errors import Unfit

#: Seconds that a ``secret_command`` may take: it may ask a person for a passphrase.
PATIENCE: Final = 120.0


class SecretSource(NamedTuple):
    """A file, a command, or a prompt with this text; none of them if a certificate is enough to log in."""

    file: Path | None = None
    command: tuple[str, ...] = ()
    prompt: str = ""

    def read(self) -> bytes | None:
        """The secret; None if none is needed.

        Raises Unfit if it cannot be had, EOFError at the end of the input.  The file must not be readable by
        all users.
        """
        if self.file is not None:
            return read_secret(self.file)
        if self.command:
            return _printed(self.command)
        if not self.prompt:
            return None
        _require_terminal()
        secret = getpass.getpass(self.prompt).encode(errors="surrogateescape")
        if any(byte < 0x20 or byte == 0x7F for byte in secret):
            raise Unfit("the secret contains a control character", "type it again")
        return secret


_NO_TERMINAL: Final = "give --secret-file, or secret_file or secret_command in a profile"


def _require_terminal() -> None:
    """Raise Unfit without a terminal: getpass would then take the first line of stdin, which is an action."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError as error:
        raise Unfit("there is no terminal to ask for the secret", _NO_TERMINAL) from error


def _printed(command: tuple[str, ...]) -> bytes:
    name = command[0]
    try:
        # Its standard input and error stay those of the shell, for programs that ask for a passphrase.
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise Unfit(f"secret_command {name} did not end within {PATIENCE:g} s", "run it by hand") from None
    except OSError as error:
        raise Unfit(f"secret_command {name}: {error.strerror}", "correct the profile") from None
    if done.returncode:
        raise Unfit(f"secret_command {name} ended with exit status {done.returncode}", "run it by hand")
    secret = done.stdout.split(b"\n", 1)[0].removesuffix(b"\r")
    if not secret or any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise Unfit(f"secret_command {name} printed no secret on its first line", "run it by hand")
    return secret
