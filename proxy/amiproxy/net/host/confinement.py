"""Confinement: drop rights before serving, so that a vulnerability in the process is worth less.

Once confined, the process cannot start programs, can write no files except sockets in
the directory of its control socket, can read only what ``landlockpaths`` lists, and can be
neither traced nor dumped by other processes of its user.  Restrictions that the
kernel does not support are skipped and logged; they never prevent a start.

The system calls are made through ctypes: none of the existing Landlock packages is
past its first releases, and each does just this with more code around it.  Landlock
confines the calling thread and the threads it starts later, so ``confine`` must run
before any other thread is started.
"""

import ctypes
import errno
import os
import site
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from amiproxy import log
from amiproxy.net.host import landlockpaths

_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38

# landlock(7); since Linux 5.13 the system call numbers are the same on every architecture.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_REMOVE_FILE: Final = 1 << 5
_MAKE_SOCK: Final = 1 << 9
#: Rights by the ABI version that introduced them: all up to MAKE_SYM, then REFER, TRUNCATE, IOCTL_DEV.
_RIGHTS: Final = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_READ: Final = _READ_FILE | _READ_DIR
_FILE_RIGHTS: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
#: From ABI version 6 on: no signals to processes outside the confinement.
_SCOPE_SIGNAL: Final = 1 << 1


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Kernel:
    """System calls that raise OSError on errors."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def prctl(self, option: int, value: int) -> None:
        self._checked(self._libc.prctl(option, *(ctypes.c_ulong(v) for v in (value, 0, 0, 0))))

    def call(self, number: int, *arguments: object) -> int:
        return self._checked(self._libc.syscall(ctypes.c_long(number), *arguments))

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result


def confine(readable: Iterable[Path], writable: Iterable[Path] = ()) -> None:
    """Drop the rights that are no longer needed; restrictions that fail are logged with the reason.

    ``readable`` are the files that a reload reads, each expanded by ``around``; ``writable`` are directories
    in which a socket must be removed at the end.  Threads that already run are not confined.
    """
    kernel = _Kernel()
    missing: list[str] = []
    for option, value, name in ((_PR_SET_DUMPABLE, 0, "dumpable"), (_PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")):
        try:
            kernel.prctl(option, value)
        except OSError as error:
            missing.append(f"{name}: {error.strerror}")
    version = 0
    try:
        version = kernel.call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
        places = {place for path in readable for place in landlockpaths.around(path)}
        _restrict(kernel, version, places, writable)
    except OSError as error:
        missing.append(f"landlock: {_reason(error)}")
    log.say(
        log.WARNING if missing else log.INFO,
        "confined",
        landlock=version or None,
        missing="; ".join(missing) or None,
    )


def _reason(error: OSError) -> str:
    if error.errno in {errno.ENOSYS, errno.EOPNOTSUPP}:
        return "not supported by this kernel, or disabled"
    return error.strerror or str(error)


def _restrict(kernel: _Kernel, version: int, readable: set[Path], writable: Iterable[Path]) -> None:
    rights = sum(bits for since, bits in _RIGHTS.items() if since <= version)
    scoped = _SCOPE_SIGNAL if version >= 6 else 0
    attribute = _RulesetAttr(rights, 0, scoped)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = kernel.call(_CREATE_RULESET, ctypes.byref(attribute), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        rules = dict.fromkeys((*landlockpaths.system(), *_python(), *readable), _READ)
        rules[Path("/dev/null")] = _READ_FILE | _WRITE_FILE
        for folder in writable:
            rules[folder] = rules.get(folder, 0) | _READ | _MAKE_SOCK | _REMOVE_FILE
        for path, allowed in rules.items():
            _allow(kernel, ruleset, path, allowed)
        _allow_own_process(kernel, ruleset)
        kernel.call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(kernel: _Kernel, ruleset: int, path: Path, allowed: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # missing, or not accessible to us anyway: nothing to allow
    try:
        _add_rule(kernel, ruleset, descriptor, allowed if path.is_dir() else allowed & _FILE_RIGHTS)
    finally:
        os.close(descriptor)


def _allow_own_process(kernel: _Kernel, ruleset: int) -> None:
    try:
        # Never closed: the kernel drops unreferenced /proc inodes when memory is short, and creates
        # another inode at the next access, to which the rule would not apply.
        descriptor = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    _add_rule(kernel, ruleset, descriptor, _READ)


def _add_rule(kernel: _Kernel, ruleset: int, descriptor: int, allowed: int) -> None:
    attribute = _PathBeneathAttr(allowed, descriptor)
    kernel.call(
        _ADD_RULE,
        ctypes.c_int(ruleset),
        ctypes.c_int(_PATH_BENEATH),
        ctypes.byref(attribute),
        ctypes.c_uint32(0),
    )


def _python() -> set[Path]:
    """Directories of modules that may still be imported, including those of an editable installation."""
    return {
        Path(__file__).parents[3],
        *map(Path, (sys.prefix, sys.base_prefix, *site.getsitepackages())),
    }
