"""A client's part in one session, as data: the bytes that it sends, and the messages that it waits for.

In bytes to be sent ``<<NAME>>`` stands for a value that only the session itself knows:
``<<channel>>`` and ``<<peer>>`` for the two halves of the Local channel that was
made last, ``<<key>>`` for the answer to the challenge, made with the secret of
the all-powerful user, ``<<KEY>>`` for the same in capitals.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Send:
    """Send these bytes; then wait for this many responses, with the lists that they start.

    In a session with calls, after an Until, the rest of the list is waited for as well.
    """

    data: bytes
    answers: int = 1


@dataclass(frozen=True)
class Until:
    """Wait for a message that matches this regular expression: the first that no earlier step took."""

    pattern: bytes


@dataclass(frozen=True)
class EndOfStream:
    """Wait until the other side has closed the connection; it is the last step."""


Step = Send | Until | EndOfStream


@dataclass(frozen=True)
class Dialogue:
    """One session.

    ``watchers``: users that log in before it, with all their rights to read; their events are compared too.
    ``differences``: names, in differences.py, of those that must occur; ``NAME@22`` only before Asterisk 22.
    ``calls``: it places calls, and Asterisk's threads decide in which order events of several channels come.
    ``changes``: it changes something that others could see while it runs, and undoes that at its end.
    ``warm``: it is played once before, because Asterisk creates something at the first use.
    """

    name: str
    steps: tuple[Step, ...]
    watchers: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    calls: bool = False
    changes: bool = False
    warm: bool = False

    @property
    def is_deaf(self) -> bool:
        """Whether it gets no events of other sessions, so that it can run at both doors at once."""
        if self.watchers or self.calls or self.changes:
            return False
        return all(not isinstance(step, Until) for step in self.steps)


def dialogue(name: str, *steps: bytes | Step, **more: object) -> Dialogue:
    """A session of these steps; plain bytes have one answer."""
    whole = tuple(Send(step) if isinstance(step, bytes) else step for step in steps)
    return Dialogue(name, whole, **more)  # type: ignore[arg-type]  # the fields of Dialogue, by name


#: Logged in, without events.
QUIET = Send(b"Action: Login\r\nUsername: proxy\r\nSecret: proxysecret\r\nEvents: off\r\n\r\n")
#: Logged in, after the events that every login with all classes brings.
LOUD = (
    Send(b"Action: Login\r\nUsername: proxy\r\nSecret: proxysecret\r\n\r\n"),
    Until(rb"^Event: SuccessfulAuth\r\n"),
)


def act(action: str, *lines: str) -> bytes:
    """An action as most clients write it."""
    return "\r\n".join([f"Action: {action}", *lines, "", ""]).encode()


def user(name: str, secret: str, *lines: str) -> bytes:
    """The login of another user."""
    return act("Login", f"Username: {name}", f"Secret: {secret}", *lines)
