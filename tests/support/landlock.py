"""The version of Landlock in this kernel."""

import ctypes


def landlock_version() -> int:
    """0 or less: not available."""
    libc = ctypes.CDLL(None)
    return int(libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint32(1)))
