"""Users of this machine by name."""

import functools
import pwd


@functools.lru_cache(maxsize=16)
def uid_of(name: str) -> int:
    """The uid of a login name, or of a uid in digits; KeyError when there is no such user.

    Found once it stays known: /etc/passwd is another file after a user was added, and what confines
    the process was told of the old one.
    """
    if name.isascii() and name.isdigit():
        return int(name)
    return pwd.getpwnam(name).pw_uid
