"""The folder with the secrets of a fleet: the seed of each process, and the keys of positions.

A seed in NAME.seed proves who a process is; while it is replaced, NAME.old.pub has the public key of the seed
before, which the nats-servers accept as well.  token.key has the keys of positions, one per line.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from amiproxy.config import Unfit
from amiproxy.config.fleet.files import TOKEN_KEY_BYTES, read_seed, read_token_keys
from amiproxy.config.fleet.nkeys import KEY_BYTES, public_of, seed_of
from amiproxy.config.reading.files import is_missing, read_file
from amiproxy.permissions import loose_folder
from amiproxy.x509.errors import IssueError
from amiproxy.x509.files import write_atomically

_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644
_PUBLIC_KEY: Final = re.compile(r"U[A-Z2-7]{55}")

#: The steps in which a key of positions is replaced: see ``KeyFolder.rotate_token_key``.
TokenStep = Literal["add", "use", "drop"]


class KeyFolder:
    """One such folder.  Methods that write return the files that they wrote; all raise Unfit.

    Nothing that they return or raise contains a secret.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def locked(cls, path: Path) -> Iterator["KeyFolder"]:
        """The folder, made if it does not exist, while no other command may change it.

        Raises Unfit unless it belongs to the user of this process, and only that user can put files into it.
        """
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Unfit(f"{path}: {error.strerror}", "name a folder, or one that can be made") from None
        try:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid():
                text = f"{path} belongs to another user, who could read or replace the seeds"
                raise Unfit(text, "name a folder of your own")
            if loose := loose_folder(path, found.st_mode, "the seeds"):
                raise Unfit(loose.text, loose.remedy)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unfit(f"{path}: another command is changing it", "wait for that") from None
            yield cls(path)
        finally:
            os.close(descriptor)

    def seed_file(self, name: str) -> Path:
        """Where the seed of a process is."""
        return self.path / f"{name}.seed"

    @property
    def token_key_file(self) -> Path:
        """Where the keys of positions are."""
        return self.path / "token.key"

    def public_keys(self, name: str) -> tuple[str, ...]:
        """The public keys by which a process is known: that of its seed, and the one before if it has one."""
        file = self.seed_file(name)
        if is_missing(file):
            raise Unfit(f"{file} does not exist", "make it with: ami-proxy fleet keys")
        former = self._former(name)
        own = public_of(read_seed(file))
        return (own, former) if former not in ("", own) else (own,)

    def make_missing(self, names: tuple[str, ...]) -> list[Path]:
        """Make the seeds that processes do not have yet, and the first key of positions.

        Files that exist are read, so that one that cannot be used is reported.
        """
        made = []
        for name in names:
            file = self.seed_file(name)
            if is_missing(file):
                made.append(self._write(file, _new_seed()))
            else:
                read_seed(file)
        if is_missing(self.token_key_file):
            made.append(self._write_token_keys((secrets.token_bytes(TOKEN_KEY_BYTES),)))
        else:
            read_token_keys(self.token_key_file)
        return made

    def unused(self, names: tuple[str, ...]) -> list[Path]:
        """The seeds of processes that are not among these."""
        return self._others("*.seed", names)

    def unused_sections(self, names: tuple[str, ...]) -> list[Path]:
        """The sections that ``fleet config`` has written for processes that are not among these."""
        return self._others("*.yaml", names)

    def rotate(self, name: str) -> tuple[Path, Path]:
        """Replace the seed of a process; its public key stays valid until ``retire``.

        Returns the files of the new seed and of the public key of the old one.
        """
        file = self.seed_file(name)
        (present, *others) = self.public_keys(name)
        if others:
            text = f"the last rotation of {name} has not ended: its key before is still valid"
            raise Unfit(text, f"end it with: ami-proxy fleet keys --retire {name}")
        former = self._write(self._former_file(name), present.encode(), _PUBLIC)
        return self._write(file, _new_seed()), former

    def retire(self, name: str) -> Path:
        """Make the key before the last rotation invalid; returns the file that had it."""
        file = self._former_file(name)
        if is_missing(file):
            raise Unfit(f"{name} has no key before its present one", "rotate it first, or leave it as it is")
        try:
            file.unlink()
        except OSError as error:
            raise Unfit(f"{file}: {error.strerror}", "remove it by hand") from None
        return file

    def rotate_token_key(self, step: TokenStep) -> Path:
        """Take one of the three steps of a rotation; every process gets the file after each of them.

        ``add`` makes a key with which no process seals yet, ``use`` makes that one the one that seals, and
        ``drop`` removes the old one, so that positions from before can no longer be resumed.
        """
        keys = read_token_keys(self.token_key_file)
        if step == "add":
            if len(keys) > 1:
                text = f"{self.token_key_file} has {len(keys)} keys already: the last rotation has not ended"
                raise Unfit(text, "go on with: --rotate-token use, and then drop")
            keys = (*keys, secrets.token_bytes(TOKEN_KEY_BYTES))
        elif len(keys) == 1:
            raise Unfit(f"{self.token_key_file} has one key only", "begin with: --rotate-token add")
        else:
            keys = (keys[-1], *keys[:-1]) if step == "use" else keys[:1]
        return self._write_token_keys(keys)

    def write_public(self, name: str, text: str) -> Path:
        """Write a file that holds no secret."""
        return self._write(self.path / name, text.rstrip().encode(), _PUBLIC)

    def _others(self, pattern: str, names: tuple[str, ...]) -> list[Path]:
        return sorted(file for file in self.path.glob(pattern) if file.stem not in names)

    def _former_file(self, name: str) -> Path:
        return self.path / f"{name}.old.pub"

    def _former(self, name: str) -> str:
        file = self._former_file(name)
        if is_missing(file):
            return ""
        key = read_file(file).decode("ascii", "replace").strip()
        if not _PUBLIC_KEY.fullmatch(key):
            raise Unfit(f"{file} has no public nkey", f"remove it with: ami-proxy fleet keys --retire {name}")
        return key

    def _write_token_keys(self, keys: tuple[bytes, ...]) -> Path:
        return self._write(self.token_key_file, "\n".join(key.hex() for key in keys).encode())

    def _write(self, file: Path, content: bytes, mode: int = _PRIVATE) -> Path:
        try:
            write_atomically(file, content + b"\n", mode)
        except IssueError as error:
            raise Unfit(str(error), "make the folder writable for yourself") from None
        return file


def _new_seed() -> bytes:
    return seed_of(secrets.token_bytes(KEY_BYTES))
