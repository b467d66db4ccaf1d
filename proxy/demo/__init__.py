"""The demo: two users with different rights before one PBX, side by side.

    show.py      the whole of it, from the empty folder to Ctrl-C
    options.py   what was asked for; DemoError
    accounts.py  the two users
    folder.py    the private folder: CA, certificate, configuration, log
    pbx.py       what stands behind: the simulator, or a real Asterisk
    service.py   the proxy itself, a process of its own as in production
    client.py    an AMI client over TLS
    tour.py      what the two do, and what must come of it
    evidence.py  what was promised, and whether it was seen
    ledger.py    rows of "who saw what"
    wording.py   an event in a few words
    screen.py    rows on a terminal, or line by line in a pipe

The clients talk to the proxy as anybody's would: nothing here reaches into it,
so what they are shown is what it does.
"""

from proxy.demo.options import DEFAULT_FOLDER, DemoError, Options, RealAsterisk
from proxy.demo.show import run

__all__ = ["DEFAULT_FOLDER", "DemoError", "Options", "RealAsterisk", "run"]
