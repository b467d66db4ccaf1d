"""The kinds of steps, as values: what a plan consists of, and a dry run shows."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias


class Access(NamedTuple):
    """Owner, group and mode of a file or folder."""

    user: str
    group: str
    mode: int

    def __str__(self) -> str:
        return f"{self.user}:{self.group} {self.mode:04o}"


@dataclass(frozen=True)
class MakeAccount:
    """Create the system user, and its group, that the service runs as."""

    name: str

    @property
    def command(self) -> tuple[str, ...]:
        """The command that does it."""
        shell = "/usr/sbin/nologin"
        return (
            "useradd",
            "--system",
            "--user-group",
            "--home-dir",
            "/nonexistent",
            "--shell",
            shell,
            self.name,
        )

    def __str__(self) -> str:
        return f"run      {' '.join(self.command)}"


@dataclass(frozen=True)
class MakeFolder:
    """Create a folder."""

    path: Path
    access: Access

    def __str__(self) -> str:
        return f"create   {self.path}/  {self.access}"


@dataclass(frozen=True)
class WriteFile:
    """Create a file with this access, or replace one, which keeps its access.

    ``before`` is the content that it replaces, None for a new file; if the file has another one by then,
    nothing is written.  ``shown`` is what a person may see of the change: a diff without secrets, or nothing.
    """

    path: Path
    content: bytes = field(repr=False)
    access: Access
    summary: str
    before: bytes | None = field(default=None, repr=False)
    shown: str = ""
    #: The text of a new file, for those who want to see everything.
    detail: str = ""
    #: Where the old content is kept.
    backup: Path | None = None

    def __str__(self) -> str:
        if self.before is None:
            return f"create   {self.path}  {self.access}  {self.summary}"
        kept = f"; the old one stays as {self.backup}" if self.backup is not None else ""
        return f"change   {self.path}  {self.summary}{kept}"


@dataclass(frozen=True)
class SetAccess:
    """Give an existing file or folder another owner, group and mode."""

    path: Path
    before: Access
    access: Access

    def __str__(self) -> str:
        return f"access   {self.path}  {self.before} becomes {self.access}"


@dataclass(frozen=True)
class MakeCa:
    """Create a private CA, in a folder that only its owner can enter."""

    directory: Path
    name: str

    def __str__(self) -> str:
        return f"create   {self.directory}/ca.crt, ca.key  a private CA, {self.name}"


@dataclass(frozen=True)
class IssueCertificate:
    """Issue a certificate from the private CA, for the key at ``key``, which is created if there is none."""

    ca: Path
    names: tuple[str, ...]
    chain: Path
    key: Path
    chain_access: Access
    key_access: Access

    def __str__(self) -> str:
        return (
            f"create   {self.chain}  {self.chain_access}  a certificate for {', '.join(self.names)}\n"
            f"create   {self.key}  {self.key_access}  its key, unless it is there"
        )


@dataclass(frozen=True)
class Link:
    """Create a symbolic link."""

    path: Path
    target: Path
    summary: str

    def __str__(self) -> str:
        return f"link     {self.path} -> {self.target}  {self.summary}"


@dataclass(frozen=True)
class Run:
    """Run a command; if it fails, ``remedy`` says what to do, and the rest is done nevertheless."""

    command: tuple[str, ...]
    summary: str
    remedy: str

    def __str__(self) -> str:
        words = (word if " " not in word else f"'{word}'" for word in self.command)
        return f"run      {' '.join(words)}  {self.summary}"


Step: TypeAlias = MakeAccount | MakeFolder | WriteFile | SetAccess | MakeCa | IssueCertificate | Link | Run
