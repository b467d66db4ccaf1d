"""Reads the users files of a configuration, in steps.

All files together form one table: a name, or a certificate, belongs to one user,
whatever file that user is in.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from amiproxy.config.reading.binding import Binder
from amiproxy.config.reading.document import Document, Node
from amiproxy.config.reading.files import read_private
from amiproxy.config.reading.problems import ConfigErrors, Problem
from amiproxy.config.users.servers import ServerNames, problems_of_servers
from amiproxy.config.users.user import UserEntry, UsersFile, check_entry, check_login
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.users import folded
from amiproxy.steps import finish
from amiproxy.x509.identity import Binding


def load_users(*files: Path, servers: ServerNames | None = None, remote: bool = False) -> UsersFile:
    """Load the users of all these files; see ``UsersReader``.  Raises ConfigErrors with all problems."""
    reader = UsersReader(servers=servers, remote=remote)
    for file in files:
        finish(reader.read(file))
    return _all_of(reader)


def parse_users(path: Path, text: bytes) -> UsersFile:
    """What ``load_users`` would return if the file contained this text.  Raises ConfigErrors likewise."""
    reader = UsersReader()
    finish(reader.read_text(path, text))
    return _all_of(reader)


class Place(NamedTuple):
    """The position of a user's entry: file and line."""

    name: str
    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class UsersReader:
    """Reads files one after the other into one table.

    Nodes of a tree are released as they are read: only the entries and their positions stay in memory.
    An entry equal to the one in ``old`` is the same object, so that comparing the two is cheap.
    ``servers`` are those of the configuration; None: they are not known, and what users say about them is
    not compared with them.  With them, each user needs something to log in with, unless ``remote``: users may
    then come by the edges of a fleet only, and may name servers that the configuration does not have.
    """

    def __init__(
        self,
        old: Mapping[str, UserEntry] = MappingProxyType({}),
        servers: ServerNames | None = None,
        *,
        remote: bool = False,
    ) -> None:
        self._old = old
        self._servers = servers
        self._remote = remote
        self.users: dict[str, UserEntry] = {}
        self.problems: list[Problem] = []
        #: Positions of the entries, by name in lower case.
        self._places: dict[bytes, Place] = {}
        self._owners: dict[Binding, Place] = {}

    def read(self, file: Path) -> Iterator[None]:
        """Read one more file, in steps.  Problems, also that it cannot be read, are added to ``problems``."""
        try:
            text = read_private(file)
        except Unfit as error:
            self.problems.append(Problem.of_file(file, error))
            return
        yield from self.read_text(file, text)

    def read_text(self, file: Path, text: bytes) -> Iterator[None]:
        """Do what ``read`` does, as if the file contained this text."""
        document = Document(file, Node({}, 1), [])
        yield from document.read(text)
        binder = Binder(document, os.environ, {UserEntry: check_entry})
        entries = _entries(document)
        if entries is None:
            binder.bind(UsersFile)  # Reports what is wrong with it.
        else:
            for name in list(entries):
                self._read_entry(document, binder, name, entries[name])
                del entries[name]
                yield
        self.problems += document.in_order()

    def _read_entry(self, document: Document, binder: Binder, name: str, node: Node) -> None:
        path = ("users", name)
        place = Place(name, document.file, node.line)
        first = self._places.setdefault(folded(name), place)
        if first is not place:
            text = f"the same name as '{first.name}' in {first} (case is ignored)"
            document.report(path, text, "rename or remove one of them")
        entry = binder.bind_at(node, UserEntry, path)
        if entry is None:
            return
        if self._servers is not None:
            if not self._remote:
                check_login(entry, path, document)
            for problem in problems_of_servers(
                entry.servers, entry.default_server, entry.on, self._servers, elsewhere=self._remote
            ):
                document.report((*path, *problem.steps), problem.text, problem.remedy)
        earlier = self._old.get(name)
        self.users[name] = earlier if earlier is not None and earlier == entry else entry
        for number, binding in enumerate(entry.certificate):
            owner = self._owners.setdefault(binding, place)
            if owner is not place:
                where = "" if owner.file == place.file else f", in {owner}"
                text = f"{binding} is bound to user {owner.name} already{where}"
                document.report((*path, "certificate", number), text, "keep one of them")


def _entries(document: Document) -> dict[str, Node] | None:
    """The entries of a file, by name; None if it does not have the shape of a users file."""
    root = document.root.content
    if not document.readable or not isinstance(root, dict) or set(root) != {"users"}:
        return None
    entries = root["users"].content
    return entries if isinstance(entries, dict) else None


def _all_of(reader: UsersReader) -> UsersFile:
    if reader.problems:
        raise ConfigErrors(reader.problems)
    return UsersFile(users=reader.users)
