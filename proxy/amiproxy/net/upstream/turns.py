"""Turns: links that have read more than one slice take turns, so that no server's flood delays the others.

A turn of the loop has one slice of one link, however many links have more.  An action of another server's
client takes several turns: it is read, sent, answered, and the answer is written.  So while one may be on its
way, slices get about half of the time, and the loop waits for its sockets in the rest of it.
"""

# mypyc: compiled

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

#: Seconds for which an action counts as on its way; most answers come sooner.
_ON_ITS_WAY: Final = 0.002
#: Seconds of slices, for each link that waits, before a pause.
_BURST: Final = 0.0005
#: Seconds of a pause; the loop's timers are no finer.
_PAUSE: Final = 0.001


class Turns:
    """The turns of all links of all servers.  ``clock`` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        #: Each link that waits, with what hands over one slice.
        self._waiting: deque[tuple[object, Callable[[], None]]] = deque()
        self._is_due = False
        #: Seconds of slices since the last pause, or since no action was on its way.
        self._spent = 0.0
        #: The link that sent something last, when it did, and when any other did.
        self._last_sender: object = None
        self._last_sent = self._other_sent = float("-inf")

    def sent(self, link: object) -> None:
        """An action is sent over this link: an answer is awaited."""
        if link is not self._last_sender:
            self._last_sender, self._other_sent = link, self._last_sent
        self._last_sent = self._clock()

    def ask(self, link: object, hand_over: Callable[[], None]) -> None:
        """Call ``hand_over``, which hands over one slice of this link, when it is the link's turn."""
        self._waiting.append((link, hand_over))
        self._schedule()

    def _schedule(self) -> None:
        if self._waiting and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        link, hand_over = self._waiting[0]
        began = self._clock()
        if began - self._sent_by_others(link) >= _ON_ITS_WAY:
            self._spent = 0.0
        elif self._spent >= _BURST * len(self._waiting):
            self._spent = 0.0
            asyncio.get_running_loop().call_later(_PAUSE, self._turn)
            return
        self._waiting.popleft()
        self._is_due = False
        try:
            hand_over()
        finally:
            self._spent += self._clock() - began
            self._schedule()

    def _sent_by_others(self, link: object) -> float:
        """When another link last sent something."""
        return self._last_sent if link is not self._last_sender else self._other_sent
