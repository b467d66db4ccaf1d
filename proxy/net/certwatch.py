"""Tell when files may have changed: inotify where it works, looking every few seconds where not.

inotify only wakes us up.  What counts is whether a path now leads to another
file than before (``file_state``), which is asked the same way in both modes.
Watched are the directories of every symlink hop, armed anew after each event,
since certbot re-points links, Kubernetes renames ``..data`` and others move whole
directories.  Of a thousand certificates that is much to ask, so it is asked aside, in slices.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal

from proxy import log
from proxy.net import gently
from proxy.net.groups import first_of
from proxy.steps import Steps, result_of
from proxy.x509.snapshot import FileState, file_state, hops

try:
    from asyncinotify import Inotify, Mask
except (ImportError, OSError, RuntimeError):  # not installed, or a system without inotify
    _HAS_INOTIFY = False
else:
    _HAS_INOTIFY = True
    _EVENTS = (
        Mask.CREATE
        | Mask.MOVED_TO
        | Mask.MOVED_FROM
        | Mask.DELETE
        | Mask.CLOSE_WRITE
        | Mask.ATTRIB
        | Mask.DELETE_SELF
        | Mask.MOVE_SELF
        | Mask.ONLYDIR
    )

POLL_INTERVAL = 2.0
# One look for a burst of events: a renewal writes four files, a log next door writes always.
_BURST = 0.1
# Changes made on another machine raise no event here.
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse", "ceph", "glusterfs", "afs", "lustre", "virtiofs")


class CertWatch:
    """Calls ``changed`` from the loop after any path that ``paths`` gives came to lead to other content.

    Another answer of ``paths`` counts as a change too; call ``look`` after it.
    """

    def __init__(
        self,
        paths: Callable[[], Iterable[Path]],
        changed: Callable[[], None],
        *,
        poll_interval: float = POLL_INTERVAL,
    ) -> None:
        self._paths = paths
        self._changed = changed
        self._poll_interval = poll_interval
        self._seen = result_of(_states(paths()))
        self._woken = asyncio.Event()
        self.mode: Literal["inotify", "polling"] = "polling"
        """How it watches, once it runs."""

    async def run(self) -> None:
        """Watch until cancelled.  Falls back to polling, and says so once, where inotify cannot work."""
        obstacle = _obstacle(await self._directories())
        if obstacle is None:
            try:
                await self._run_inotify()
            except* OSError as errors:
                obstacle = _describe(first_of(errors))
        self.mode = "polling"
        log.say(log.WARNING, "certificates-polled", seconds=self._poll_interval, reason=obstacle)
        while True:
            await self._compare()
            await asyncio.sleep(self._poll_interval)

    def look(self) -> None:
        """Look soon, whether or not something is known to have happened."""
        self._woken.set()

    async def _run_inotify(self) -> None:
        """Ends only by an error: a group of OSError when the kernel grants no watch."""
        with Inotify() as inotify:
            async with asyncio.TaskGroup() as group:
                group.create_task(_wake_on_events(inotify, self._woken))
                while True:
                    self._woken.clear()
                    self._arm(inotify, await self._directories())
                    self.mode = "inotify"
                    # After arming: earlier changes are seen here, later ones wake us.
                    if await self._compare():
                        self._woken.set()  # perhaps they lead elsewhere since the directories were found
                    await self._woken.wait()
                    await asyncio.sleep(_BURST)

    @staticmethod
    def _arm(inotify: "Inotify", directories: Iterable[Path]) -> None:
        wanted = set()
        for directory in directories:
            # Gone this moment: what is above it is watched instead, from the next event on.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                # The same directory gets the same watch again, another of its name a new one.
                wanted.add(inotify.add_watch(directory, _EVENTS))
        for watch in set(inotify.watches) - wanted:
            with contextlib.suppress(OSError):
                inotify.rm_watch(watch)

    async def _compare(self) -> bool:
        """Whether anything has changed."""
        now = await gently.aside(partial(_states, list(self._paths())))
        if now == self._seen:
            return False
        self._seen = now
        self._changed()
        return True

    async def _directories(self) -> set[Path]:
        return await gently.aside(partial(_directories, list(self._paths())))


def _states(paths: Iterable[Path]) -> Steps[dict[Path, FileState]]:
    states = {}
    for path in paths:
        states[path] = file_state(path)
        yield
    return states


def _directories(paths: Iterable[Path]) -> Steps[set[Path]]:
    found: set[Path] = set()
    for path in paths:
        found.update(hops(path))
        yield
    return found


async def _wake_on_events(inotify: "Inotify", woken: asyncio.Event) -> None:
    # What an event says would have to be checked all the same, so it only wakes.
    async for event in inotify:
        # Removing a watch raises this one: not a change, and it would have us arm for ever.
        if event.mask != Mask.IGNORED:
            woken.set()


def _describe(error: BaseException) -> str:
    match error:
        case PermissionError():
            # /etc/ssl/private lets its group open files by name, but not list them.
            return f"{error.filename} may not be listed by us"
        case OSError(errno=errno.ENOSPC | errno.EMFILE):
            return f"{error.strerror} (fs.inotify.max_user_watches, fs.inotify.max_user_instances)"
        case _:
            return str(error)


def _obstacle(directories: Iterable[Path]) -> str | None:
    """Why inotify would not tell of every change; None when it would."""
    if not _HAS_INOTIFY:
        return "this system has no inotify"
    for directory in directories:
        kind = _file_system(directory)
        if kind.startswith(_REMOTE):
            return f"{directory} is on {kind}, where other machines' changes raise no event"
    return None


def _file_system(directory: Path) -> str:
    """Type of the file system ``directory`` is on, as in ``/proc/self/mountinfo``; empty when unknown."""
    try:
        device = directory.stat().st_dev
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:
        return ""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for mount in mounts.splitlines():
        before, _, after = mount.partition(" - ")
        if before.split()[2] == wanted:
            return after.split()[0]
    return ""
