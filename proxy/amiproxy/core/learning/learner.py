"""Learner: one recording of what users use at a time, and the last one that ended."""

# mypyc: compiled

from collections.abc import Callable

from amiproxy import log
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.ports import Scheduler


class Learner:
    """Begins and ends recordings.  Callers record actions in ``recorder``; ``record`` does it for events.

    ``record`` is called with the recorder when a recording begins, and with None when it ends.
    """

    __slots__ = ("_record", "_scheduler", "ended", "recorder")

    def __init__(self, scheduler: Scheduler, record: Callable[[Recorder | None], None]) -> None:
        self._scheduler = scheduler
        self._record: Callable[[Recorder | None], None] = record
        #: The running recording.
        self.recorder: Recorder | None = None
        #: The last recording that ended.
        self.ended: Recorder | None = None

    @property
    def newest(self) -> Recorder | None:
        """The running recording, or the last one that ended."""
        return self.ended if self.recorder is None else self.recorder

    def begin(self, seconds: float) -> None:
        """Begin a new recording, for ``seconds``; 0 means until ``end``.  A running one ends."""
        self.end()
        now = self._scheduler.wall()
        self.recorder = Recorder(now, now + seconds if seconds else 0.0)
        self._record(self.recorder)

    def end(self) -> None:
        """End the recording, if one is running, and keep it until the next one ends."""
        recorder = self.recorder
        if recorder is None:
            return
        self._record(None)
        self.ended, self.recorder = recorder, None
        log.say(log.INFO, "learning-ended", shapes=len(recorder.shapes), lost=recorder.lost)

    def tick(self) -> None:
        """End the recording if its time is over; called once a second."""
        recorder = self.recorder
        if recorder is not None and 0 < recorder.until <= self._scheduler.wall():
            self.end()
