"""``ami-proxy ctl top``: sessions and users, live.

``board`` has what is known, ``state`` what keys have chosen, ``screen`` makes lines of both: they are pure.
``poller`` asks the service; ``fullscreen`` has keys and needs prompt_toolkit, ``plain`` does without.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from amiproxy.cli.ctl.connection import Connection
from amiproxy.cli.ctl.top import plain
from amiproxy.tools import terminal

_NO_TERMINAL: Final = ""
_NO_LIBRARY: Final = "keys need: pip install 'amiproxy[tools]'; Ctrl-C quits"


def watch(connection: Connection, path: Path, interval: float) -> None:
    """Show the screen until it is left: with keys on a terminal, if prompt_toolkit is installed.

    ``path`` is the control socket, to which ``connection`` has been opened.  Without keys it ends with
    KeyboardInterrupt, NotReachable or Refused.
    """
    out = terminal.console()
    if not (out.is_terminal and sys.stdin.isatty()):
        plain.watch(connection, interval, out, _NO_TERMINAL)
    try:
        fullscreen = import_module("amiproxy.cli.ctl.top.fullscreen")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "prompt_toolkit":
            raise
        plain.watch(connection, interval, out, _NO_LIBRARY)
    else:
        connection.close()
        fullscreen.watch(path, interval)
