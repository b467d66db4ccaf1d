"""Runs the demo, from the empty folder to Ctrl-C."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from rich.console import Console, RenderableType

from amiproxy import __version__
from amiproxy.config.web.values import missing_packages
from amiproxy.net.loop.groups import first_of
from amiproxy.tools import terminal
from amiproxy.tools.demo import accounts, service
from amiproxy.tools.demo.accounts import Account
from amiproxy.tools.demo.client import Client, Received
from amiproxy.tools.demo.display import screen
from amiproxy.tools.demo.display.ledger import HOLD, Kind, Ledger
from amiproxy.tools.demo.display.screen import MovingScreen, PlainScreen, Screen
from amiproxy.tools.demo.display.wording import describe, is_quiet
from amiproxy.tools.demo.evidence import Evidence
from amiproxy.tools.demo.folder import HOST, Folder, opened
from amiproxy.tools.demo.options import DemoError, Options
from amiproxy.tools.demo.pbx import Pbx, real, simulated
from amiproxy.tools.demo.service import Ports
from amiproxy.tools.demo.tour import Tour, Visitor

#: Seconds to wait after the tour until all promises are kept.
_PATIENCE = 15.0
_LINK_DEADLINE = 10.0
_REFRESH = 0.1
#: Seconds between two steps of the tour: slow enough to follow, and without viewers.
_UNHURRIED, _BRISK = 1.2, 0.3
_WIDTH_WITHOUT_TERMINAL = 100


def run(options: Options) -> int:
    """Run the demo; return the exit status: 0, also after Ctrl-C, or 1 if a promise was not kept.

    Raises DemoError if it cannot start or continue.
    """
    return asyncio.run(_until_stopped(options))


async def _until_stopped(options: Options) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    stopping = False

    def stop() -> None:
        nonlocal stopping
        # Only once: a second Ctrl-C must not interrupt the clean-up, which is bounded anyway.
        if not stopping:
            stopping = True
            task.cancel()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        return await _Show(options).run()
    except asyncio.CancelledError:
        if not stopping:
            raise
        task.uncancel()
        return 0
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


class _Show:
    """One demo."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._console = Console()
        if not self._console.is_terminal and "COLUMNS" not in os.environ:
            self._console.width = _WIDTH_WITHOUT_TERMINAL
        self._stays = options.seconds is None and self._console.is_terminal
        self._wallboard, self._desk = self._accounts = (accounts.wallboard(), accounts.desk())
        self._operator = accounts.operator()
        # The page needs packages that an installation may lack.
        self._has_page = not missing_packages()
        self._evidence = Evidence(*self._accounts, has_agents=options.asterisk is None)
        self._ledger = Ledger(len(self._accounts))
        columns = (self._console, self._accounts, self._ledger)
        self._screen: Screen = MovingScreen(*columns) if self._stays else PlainScreen(*columns)
        self._tour: Tour | None = None
        self._began = time.monotonic()

    async def run(self) -> int:
        """Run from the folder to the end; return the exit status."""
        with opened(self._options.folder) as folder:
            folder.write_certificates()
            async with self._pbx(folder) as pbx:

                def configure(ports: Ports) -> None:
                    page = ports.page if self._has_page else None
                    folder.write_config(pbx.upstream(), ports.ami, page, self._users())

                async with service.running_on_free_ports(folder, configure) as ports:
                    self._introduce(pbx, ports, folder)
                    kept = await self._sessions(pbx, ports, folder)
        return 0 if kept else 1

    @asynccontextmanager
    async def _pbx(self, folder: Folder) -> AsyncIterator[Pbx]:
        if self._options.asterisk is not None:
            yield real(self._options.asterisk)
            return
        async with simulated(folder) as pbx:
            yield pbx

    async def _sessions(self, pbx: Pbx, ports: Ports, folder: Folder) -> bool:
        try:
            async with AsyncExitStack() as stack:
                visitors = [
                    await self._visitor(stack, account, ports.ami, folder) for account in self._accounts
                ]
                async with asyncio.TaskGroup() as tasks:
                    running = [tasks.create_task(visitor.client.receive()) for visitor in visitors]
                    for visitor in visitors:
                        await _log_in(visitor)
                    await _link_up(visitors[0], folder)
                    running.append(tasks.create_task(self._refreshing()))
                    kept = await self._tour_of(pbx, visitors, ports, folder)
                    for task in running:
                        task.cancel()
                return kept
        except BaseExceptionGroup as group:
            expected, others = group.split((DemoError, ConnectionError, TimeoutError))
            if others is not None or expected is None:
                raise
            raise DemoError(f"{first_of(expected)}; the proxy's log is {folder.log}") from group

    async def _visitor(self, stack: AsyncExitStack, account: Account, port: int, folder: Folder) -> Visitor:
        client = await Client.connect(HOST, port, folder.cafile, partial(self._saw, account))
        stack.push_async_callback(client.close)
        return Visitor(account, client)

    async def _tour_of(self, pbx: Pbx, visitors: list[Visitor], ports: Ports, folder: Folder) -> bool:
        pause = _UNHURRIED if self._stays else _BRISK
        wallboard, desk = visitors
        self._tour = Tour(pbx, wallboard, desk, self._evidence, self._tell, pause)
        with self._screen as shown:
            await self._tour.walk()
            await self._promised()
            # Let the last rows appear before the text about them.
            await asyncio.sleep(HOLD + 2 * _REFRESH)
            if self._stays and self._evidence.complete:
                shown.say("", screen.verdict(self._evidence.promises()), *self._by_hand(ports, folder))
                await asyncio.Event().wait()
            if self._options.seconds is not None:
                left = self._began + self._options.seconds - time.monotonic()
                if left > 0:
                    shown.say(*self._by_hand(ports, folder), "")
                    await asyncio.sleep(left)
        promises = self._evidence.promises()
        self._screen.say("", screen.verdict(promises))
        kept = all(promise.kept for promise in promises)
        if not kept and (asterisk := self._options.asterisk) is not None:
            self._screen.say("", f"Does {asterisk.user} have read = all and write = all in manager.conf?")
        return kept

    async def _promised(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        # The evidence is pure and has no event to wait for; this polls ten times a second at most.
        evidence = self._evidence
        while not (evidence.complete or evidence.hopeless) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_REFRESH)

    async def _refreshing(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH)
            self._screen.refresh(time.monotonic())

    # -- events and actions of the sessions ----------------------------------

    def _saw(self, account: Account, event: Received) -> None:
        self._evidence.saw(account, event)
        if self._tour is not None:
            self._tour.saw(account, event)
        if not is_quiet(event):
            # Apart from the sender's ActionID, all users get the same bytes.
            key = tuple(header for header in event.headers if header[0] != "ActionID")
            self._ledger.saw(self._number(account), key, describe(event), time.monotonic(), _stamp())

    def _tell(self, account: Account, text: str, kind: Kind) -> None:
        self._ledger.did(self._number(account), text, kind, time.monotonic(), _stamp())

    def _number(self, account: Account) -> int:
        return self._accounts.index(account)

    # -- text -----------------------------------------------------------------

    def _users(self) -> tuple[Account, ...]:
        return (*self._accounts, self._operator) if self._has_page else self._accounts

    def _introduce(self, pbx: Pbx, ports: Ports, folder: Folder) -> None:
        self._screen.say(
            f"ami-proxy {__version__} in front of {pbx.title}",
            f"  clients ==TLS==> ami-proxy {HOST}:{ports.ami} --AMI--> Asterisk {pbx.host}:{pbx.port}",
            f"  certificates, configuration, log: {folder.directory}",
            "  checked but not shown: Newstate, BridgeCreate and the like, dozens per call",
        )

    def _by_hand(self, ports: Ports, folder: Folder) -> list[RenderableType]:
        ends = (
            "Ctrl-C stops the demo." if self._stays else f"The demo ends after {self._options.seconds:g} s."
        )
        connect = ("-connect", f"{HOST}:{ports.ami}", "-CAfile", str(folder.cafile))
        return [
            "",
            "To log in by hand, run this in another terminal:",
            "",
            terminal.Command("openssl", "s_client", *connect, "-quiet"),
            "",
            "then enter this, with an empty line at the end (next, try Action: ListCommands):",
            "",
            "Action: Login",
            f"Username: {self._desk.name}",
            f"Secret: {self._desk.secret}",
            "",
            # Last, so that even a small terminal shows the address together with the secrets.
            screen.users(self._users()),
            "",
            *self._page(ports, folder),
            "",
            f"The proxy's log is {folder.log}.  {ends}",
        ]

    def _page(self, ports: Ports, folder: Folder) -> list[RenderableType]:
        if not self._has_page:
            return ["The wallboard in a browser needs the extra [http]: pip install '.[http]'"]
        names = f"log in as {self._wallboard.name}, or as {self._operator.name} to see the proxy too"
        warning = (
            'The browser will warn that "your connection is not private", as it does not know the CA of the '
            "demo: proceed, or import this CA into the browser:"
        )
        return [f"Wallboard: https://{HOST}:{ports.page}/ ({names}).", warning, f"  {folder.cafile}"]


async def _log_in(visitor: Visitor) -> None:
    account = visitor.account
    answer = await visitor.client.action("Login", ("Username", account.name), ("Secret", account.secret))
    if answer.get("Response") != "Success":
        raise DemoError(f"{account.name} cannot log in: {answer.get('Message')}")


async def _link_up(visitor: Visitor, folder: Folder) -> None:
    """Wait until the proxy has logged in to Asterisk.  Raises DemoError with the reason if it cannot."""
    try:
        async with asyncio.timeout(_LINK_DEADLINE):
            while (await visitor.client.action("Ping")).get("Response") != "Success":
                if down := folder.logged("upstream-down"):
                    raise DemoError(f"no link to Asterisk: {down}")
                await asyncio.sleep(_REFRESH)
    except TimeoutError:
        raise DemoError("no link to Asterisk: it does not answer") from None


def _stamp() -> str:
    return time.strftime("%H:%M:%S")
