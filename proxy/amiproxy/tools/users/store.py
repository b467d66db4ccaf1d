"""UserStore: the users files that a command works on, and how they are replaced."""

import difflib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.config import ConfigErrors, Unfit, UserEntry
from amiproxy.config.editing.entries import find, users_in
from amiproxy.config.loading import loading, named_files
from amiproxy.config.reading.files import is_missing, read_private
from amiproxy.config.users.userfiles import UsersReader
from amiproxy.steps import finish, result_of
from amiproxy.x509.errors import IssueError
from amiproxy.x509.files import write_atomically

#: Seconds to wait for another command that changes users.
_PATIENCE: Final = 10.0
_POLL: Final = 0.05
#: How often a change is made again because an editor has saved the file meanwhile.
_TRIES: Final = 5
_GROUP_READS: Final = 0o640
_OWNER_READS: Final = 0o600

#: Makes the new contents of some files out of the contents of all.
Edit = Callable[[Mapping[Path, bytes]], Mapping[Path, bytes]]


class Change(NamedTuple):
    """What a change did: the files that were written, and all users before and after it."""

    files: tuple[Path, ...]
    before: Mapping[str, UserEntry]
    after: Mapping[str, UserEntry]


class UserStore:
    """The users files of one configuration, or a single file that belongs to none.

    ``config`` is the proxy.yaml by which the whole is validated, None for a single file; ``first`` is the
    file for new users.
    """

    def __init__(self, files: list[Path], config: Path | None, first: Path) -> None:
        self.files = files
        self.config = config
        self.first = first

    @classmethod
    def named(cls, users: Path | None, config: Path | None, default: Path) -> "UserStore":
        """The files meant by ``--users`` and ``--config``, either of which may be None.

        If only ``users`` is given, ``default`` counts as its proxy.yaml if it names that file.  Raises
        ConfigErrors if the proxy.yaml names no users files, or Unfit if it does not name ``users``.
        """
        if users is None:
            config = default if config is None else config
            files = named_files(config)
            return cls(files, config, files[0])
        try:
            files = named_files(default if config is None else config)
        except ConfigErrors:
            if config is not None:
                raise
            files = []
        wanted = os.path.realpath(users)
        same = next((file for file in files if os.path.realpath(file) == wanted), None)
        if same is not None:
            return cls(files, default if config is None else config, same)
        if config is not None:
            raise Unfit(
                f"{users} is not among the users files of {config}", "name one of them, or leave out --config"
            )
        return cls([users], None, users)

    def read(self, *, may_be_new: bool = False) -> dict[Path, bytes]:
        """The contents of all files.  Raises Unfit, or OSError, if one cannot be read or is open to others.

        With ``may_be_new``, a first file that does not exist counts as empty.
        """
        texts = {}
        for file in self.files:
            if file != self.first or not is_missing(file):
                texts[file] = _read(file)
            elif may_be_new:
                texts[file] = b""
            else:
                raise Unfit(f"{file} does not exist yet", "add the first user with: ami-proxy users add NAME")
        return texts

    def holder(self, texts: Mapping[Path, bytes], name: str) -> tuple[Path, str]:
        """The file that has a user, and the user's name as spelled there.

        Raises Unfit for a name that no user has, ConfigErrors for files with errors.
        """
        known: dict[str, str] = {}
        for file, text in texts.items():
            users = users_in(file, text)
            spelled = find(users, name)
            if spelled is not None:
                return file, spelled
            known.update((one.lower(), one) for one in users)
        near = difflib.get_close_matches(name.lower(), known, n=1)
        remedy = f"did you mean {known[near[0]]}?" if near else "ami-proxy users list shows all users"
        raise Unfit(f"unknown user {name}", remedy)

    def change(self, edit: Edit, *, may_be_new: bool = False) -> Change:
        """Replace the files for which ``edit`` returns other contents, if the result is valid as a whole.

        Others that change users wait meanwhile.  If an editor saves a file in between, ``edit`` is called
        again with the new contents.  Raises what ``edit`` raises, ConfigErrors if the service could not
        load the result, Unfit if a file cannot be read or written.
        """
        with self._locked():
            for _ in range(_TRIES):
                texts = self.read(may_be_new=may_be_new)
                made = {file: text for file, text in edit(texts).items() if text != texts[file]}
                before = self._users_in({file: text for file, text in texts.items() if text})
                if not made:
                    return Change((), before, before)
                after = self._validated(made)
                if any(self.read(may_be_new=may_be_new)[file] != texts[file] for file in made):
                    continue
                for file, text in made.items():
                    try:
                        write_atomically(file, text, *_for_new_file(file))
                    except IssueError as error:
                        raise Unfit(str(error), _remedy(error.__cause__)) from None
                return Change(tuple(made), before, after)
        raise Unfit(f"{self.first} changes all the time", "end the program that writes it, and try again")

    def _users_in(self, texts: Mapping[Path, bytes]) -> Mapping[str, UserEntry]:
        reader = UsersReader()
        for file, text in texts.items():
            finish(reader.read_text(file, text))
        if reader.problems:
            raise ConfigErrors(reader.problems)
        return reader.users

    def _validated(self, made: Mapping[Path, bytes]) -> Mapping[str, UserEntry]:
        if self.config is None:
            return self._users_in(made)
        loaded = result_of(loading(self.config, certificate_files=False, texts=made))
        return loaded.users.users

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other commands from changing the files: a file is replaced, so its folder is locked."""
        folders = {Path(os.path.realpath(file)).parent for file in self.files}
        with ExitStack() as stack:
            for folder in sorted(folders):
                try:
                    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                except OSError as error:
                    file = next(one for one in self.files if Path(os.path.realpath(one)).parent == folder)
                    raise OSError(error.errno, error.strerror, str(file)) from None
                stack.callback(os.close, descriptor)
                _lock(descriptor, folder)
            yield


def _read(file: Path) -> bytes:
    if not is_missing(file) and not os.access(file, os.R_OK):
        # The operator may not read it.  Whether the proxy may is another question.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
    return read_private(file)


def _lock(descriptor: int, folder: Path) -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise Unfit(
                    f"{folder}: another command has been changing users for {_PATIENCE:g} s", "wait for it"
                ) from None
            time.sleep(_POLL)
        else:
            return


def _for_new_file(file: Path) -> tuple[int, tuple[int, int] | None]:
    """Mode and owner (uid and gid) for a file that does not exist yet; None: those of this process.

    The folder tells which group may read the files in it: one that only this group can enter, or whose group
    is not simply that of the person who works here, was set up for the proxy.
    """
    folder = Path(os.path.realpath(file)).parent.stat()
    may_enter = bool(folder.st_mode & stat.S_IXGRP) and not folder.st_mode & stat.S_IWOTH
    was_chosen = not folder.st_mode & stat.S_IXOTH or folder.st_gid != os.getegid()
    may_give = os.geteuid() == 0 or folder.st_gid in (os.getegid(), *os.getgroups())
    if may_enter and was_chosen and may_give:
        return _GROUP_READS, (os.geteuid(), folder.st_gid)
    return _OWNER_READS, None


def _remedy(error: BaseException | None) -> str:
    """What to do about a file that cannot be written."""
    match error:
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return "make room on its file system; the old file is as it was"
        case OSError(errno=errno.EROFS):
            return "mount its file system writable"
        case _:
            return "run this as root, or as the owner of the file and its folder"
