"""The Asterisk behind the proxy: the simulator with its made-up call centre, or a real one.

On a real Asterisk no phone is called.  A Local channel to an extension that does not
exist is created and ends at once, on any Asterisk and with any dialplan: enough to see
the events of a call, and which users get them.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from amiproxy.config.address import is_loopback
from amiproxy.tools.demo.folder import Folder
from amiproxy.tools.demo.options import DemoError, RealAsterisk
from amiproxy.tools.simulator import Settings, Simulator, User

Headers = tuple[tuple[str, str], ...]

_USER = "amiproxy"
_CALLS_PER_MINUTE = 18.0
#: Calls run twice as fast as real ones, for people who watch them.
_PACE = 2.0
#: Seconds of calls before the demo begins, so that its wallboard is not empty: a busy moment of this seed.
_WARM_UP = 189.0
_RINGING = 0.5


@dataclass(frozen=True, slots=True)
class Pbx:
    """An upstream for the demo.

    ``originate`` has the headers of a call to try, and ``answers`` says whether it will be
    answered.  ``begin`` starts a few calls, once the demo is shown.
    """

    title: str
    host: str
    port: int
    user: str
    secret_file: Path
    originate: Headers
    answers: bool
    begin: Callable[[], None]

    def upstream(self) -> dict[str, object]:
        """The section ``upstream`` of proxy.yaml."""
        return {
            "host": self.host,
            "port": self.port,
            "username": self.user,
            "secret_file": str(self.secret_file),
        }


@asynccontextmanager
async def simulated(folder: Folder) -> AsyncIterator[Pbx]:
    """A simulator in this process.  Raises IssueError if its secret cannot be written to ``folder``."""
    secret = secrets.token_urlsafe(32)
    secret_file = folder.write_secret(secret)
    settings = Settings(
        ringing=_RINGING, calls_per_minute=_CALLS_PER_MINUTE, call_centre=True, warm_up=_WARM_UP
    )
    simulator = Simulator([User(_USER, secret)], settings)
    simulator.calls.pace = _PACE

    def begin() -> None:
        simulator.calls.place("queue")
        simulator.calls.place("dialled")

    async with simulator:
        yield Pbx(
            title="a simulated Asterisk of a call centre",
            host="127.0.0.1",
            port=simulator.port,
            user=_USER,
            secret_file=secret_file,
            originate=(
                ("Channel", "PJSIP/alice"),
                ("Context", "from-internal"),
                ("Exten", "102"),
                ("Priority", "1"),
                ("CallerID", "Desk <100>"),
                ("Async", "true"),
            ),
            answers=True,
            begin=begin,
        )


def real(asterisk: RealAsterisk) -> Pbx:
    """An Asterisk that is running.

    Raises DemoError if it is on another machine, or if the file with the secret does not exist.
    """
    if not is_loopback(asterisk.host):
        raise DemoError(
            f"{asterisk.host} is not this machine, and the link is plain text; forward its port with "
            f"ssh -L 15038:127.0.0.1:{asterisk.port} {asterisk.host} and use --asterisk 127.0.0.1:15038"
        )
    if not asterisk.secret_file.is_file():
        raise DemoError(
            f"--secret-file {asterisk.secret_file}: no such file; write the secret of the manager user "
            f"{asterisk.user} into one that only you can read"
        )
    return Pbx(
        title="a real Asterisk",
        host=asterisk.host,
        port=asterisk.port,
        user=asterisk.user,
        secret_file=asterisk.secret_file.resolve(),
        originate=(
            ("Channel", "Local/nobody@ami-proxy-demo"),
            ("Application", "Wait"),
            ("Data", "1"),
            ("Async", "true"),
        ),
        answers=False,
        begin=lambda: None,
    )
