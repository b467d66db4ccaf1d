"""Notice changed files: by inotify where it works, by polling every few seconds where it does not.

inotify only wakes the watch.  A change is that a path resolves to another file than
before (``file_state``), which both modes check in the same way.  The directories of
every symlink hop are watched, and the watches are renewed after each event, since
certbot re-points links, Kubernetes renames ``..data`` and others move whole
directories.  For a thousand certificates these checks are much work, so they run in
slices in a thread.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal

from amiproxy import log
from amiproxy.net.loop import gently
from amiproxy.net.loop.groups import first_of
from amiproxy.steps import Steps, result_of
from amiproxy.x509.snapshot import FileState, file_state, hops

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
# Seconds within which events are combined into one check: a renewal writes four files, and a log file
# in the same directory may be written all the time.
_BURST = 0.1
# File systems on which changes made by another machine raise no inotify event here.
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse", "ceph", "glusterfs", "afs", "lustre", "virtiofs")


class CertWatch:
    """Calls ``changed`` from the loop after any of the paths that ``paths`` returns has new content.

    A different set of paths counts as a change, too; call ``look`` after one.
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
        """How files are watched; valid once ``run`` has started."""

    async def run(self) -> None:
        """Watch until cancelled.  Falls back to polling, and logs it once, where inotify cannot work."""
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
        """Check the files soon, whether or not there was an event."""
        self._woken.set()

    async def _run_inotify(self) -> None:
        """Run until an error: raises a group of OSError when the kernel refuses a watch."""
        with Inotify() as inotify:
            async with asyncio.TaskGroup() as group:
                group.create_task(_wake_on_events(inotify, self._woken))
                while True:
                    self._woken.clear()
                    self._arm(inotify, await self._directories())
                    self.mode = "inotify"
                    # Compare after arming: this sees earlier changes, and later ones wake us.
                    if await self._compare():
                        self._woken.set()  # the paths may resolve to other directories by now: arm again
                    await self._woken.wait()
                    await asyncio.sleep(_BURST)

    @staticmethod
    def _arm(inotify: "Inotify", directories: Iterable[Path]) -> None:
        wanted = set()
        for directory in directories:
            # A directory that has just gone: its parent is watched instead, after the next event.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                # The kernel returns the same watch for the same directory, a new one if it was replaced.
                wanted.add(inotify.add_watch(directory, _EVENTS))
        for watch in set(inotify.watches) - wanted:
            with contextlib.suppress(OSError):
                inotify.rm_watch(watch)

    async def _compare(self) -> bool:
        """Check for changes and call ``changed`` if there are any; return whether there were."""
        now = await gently.in_thread(partial(_states, list(self._paths())))
        if now == self._seen:
            return False
        self._seen = now
        self._changed()
        return True

    async def _directories(self) -> set[Path]:
        return await gently.in_thread(partial(_directories, list(self._paths())))


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
    # The content of an event would have to be checked anyway, so events only wake the watch.
    async for event in inotify:
        # Removing a watch raises IN_IGNORED: it is not a change, and would make us arm again for ever.
        if event.mask != Mask.IGNORED:
            woken.set()


def _describe(error: BaseException) -> str:
    match error:
        case PermissionError():
            # Debian's /etc/ssl/private lets its group open files by name, but not list them.
            return f"no permission to list {error.filename}"
        case OSError(errno=errno.ENOSPC | errno.EMFILE):
            return f"{error.strerror} (fs.inotify.max_user_watches, fs.inotify.max_user_instances)"
        case _:
            return str(error)


def _obstacle(directories: Iterable[Path]) -> str | None:
    """Why inotify would not report every change; None if it would."""
    if not _HAS_INOTIFY:
        return "inotify is not available on this system"
    for directory in directories:
        kind = _file_system(directory)
        if kind.startswith(_REMOTE):
            return f"{directory} is on {kind}, where changes made by other machines raise no event"
    return None


def _file_system(directory: Path) -> str:
    """Type of the file system of ``directory``, as in ``/proc/self/mountinfo``; empty if unknown."""
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
