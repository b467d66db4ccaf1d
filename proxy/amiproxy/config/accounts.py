"""Users of this machine by name."""

import functools
import pwd


@functools.lru_cache(maxsize=16)
def uid_of(name: str) -> int:
    """The uid of a login name, or of a uid in digits.  Raises KeyError if there is no such user.

    The result is cached: adding a user replaces /etc/passwd by a new file, which the confined process
    may not open.
    """
    if name.isascii() and name.isdigit():
        return int(name)
    return pwd.getpwnam(name).pw_uid
