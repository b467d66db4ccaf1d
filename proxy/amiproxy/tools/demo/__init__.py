"""The demo: two users with different rights in front of one PBX, side by side.

    show.py      runs the demo, from the empty folder to Ctrl-C
    options.py   the options, and DemoError
    accounts.py  the two users, and an operator for the page
    folder.py    the private folder: CA, certificate, configuration, log
    pbx.py       the upstream: the simulator, or a real Asterisk
    service.py   the proxy itself, in its own process as in production
    client.py    an AMI client over TLS
    tour.py      the actions of the two users, and the responses they must get
    evidence.py  the demo's promises, and whether each was observed
    display/     rows that show which user saw which event, on a terminal or line by line in a pipe

The clients use the proxy as any client would, through AMI alone, so the demo shows
what the proxy really does.
"""

from amiproxy.tools.demo.options import DEFAULT_FOLDER, DemoError, Options, RealAsterisk
from amiproxy.tools.demo.show import run

__all__ = ["DEFAULT_FOLDER", "DemoError", "Options", "RealAsterisk", "run"]
