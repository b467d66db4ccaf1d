"""Asks the service again and again, in a thread of its own, so that the screen never waits for an answer."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from amiproxy.cli.ctl.connection import Connection, NotReachable, Refused
from amiproxy.cli.ctl.top.board import Look
from amiproxy.cli.ctl.top.state import Wish

#: Seconds to wait for an answer: the service is on this host, and answers at once if it is well.
PATIENCE: Final = 5.0


def look(connection: Connection) -> Look:
    """Status and sessions of now.  Raises NotReachable or Refused."""
    return Look(time.monotonic(), connection.ask("status"), connection.ask("sessions"))


class Poller:
    """Calls, from its thread, ``looked`` with each look and ``failed`` with why there was none.

    ``answered`` is called with a wish and its result, or the Refused that came instead.
    """

    def __init__(
        self,
        path: Path,
        interval: float,
        *,
        looked: Callable[[Look], None],
        failed: Callable[[str], None],
        answered: Callable[[Wish, Any], None],
    ) -> None:
        self._path = path
        self._interval = interval
        self._looked = looked
        self._failed = failed
        self._answered = answered
        self._wishes: queue.SimpleQueue[Wish | None] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._watched: Wish | None = None
        self._is_stopped = False
        # A daemon: the command ends at once even while an answer is awaited.
        self._thread = threading.Thread(target=self._run, name="top", daemon=True)

    def start(self) -> None:
        """Begin with the first look."""
        self._thread.start()

    def wish(self, wish: Wish) -> None:
        """Have this done at once: ``kick`` or ``details``."""
        self._wishes.put(wish)

    def watch(self, wish: Wish | None) -> None:
        """Have this done again before each look, until it is None."""
        self._watched = wish

    def stop(self) -> None:
        """Make no more calls."""
        self._is_stopped = True
        self._wishes.put(None)

    def _run(self) -> None:
        wish: Wish | None = None
        while not self._is_stopped:
            try:
                self._once(wish)
            except NotReachable:
                self._forget()
                self._failed("no answer from the service, trying again")
            except Refused as error:
                self._failed(str(error))
            wish = None
            with contextlib.suppress(queue.Empty):
                wish = self._wishes.get(timeout=self._interval)
        self._forget()

    def _once(self, wish: Wish | None) -> None:
        if self._connection is None:
            self._connection = Connection(self._path, PATIENCE)
        for asked in dict.fromkeys((wish, self._watched)):
            if asked is not None:
                self._answered(asked, self._result_of(self._connection, asked))
        found = look(self._connection)
        if not self._is_stopped:
            self._looked(found)

    @staticmethod
    def _result_of(connection: Connection, wish: Wish) -> Any:
        try:
            if wish.what == "kick":
                return connection.ask("kick", target=wish.target)
            return connection.ask("session", id=wish.target)
        except Refused as refused:
            return refused

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
