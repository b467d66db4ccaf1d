"""Speech: what is spoken in a WebSocket: JSON (``jsonspeech``), or AMI itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from amiproxy.ami.encodings.json import messages_in
from amiproxy.core.clients.session import Session
from amiproxy.core.model.encoding import Encoding
from amiproxy.net.doors.http.websocket.frames import RAW, binary


class Unspeakable(Exception):
    """A message that ends the connection, with this close code; ``str(error)`` is a few words on why."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Speech(ABC):
    """The AnswerWriter of one session, and what reads its client's messages."""

    #: The event mask with which the session of a client begins that has proved itself in the handshake.
    mask: bytes = b""

    def __init__(self, encoding: Encoding) -> None:
        #: How events are written.
        self.encoding = encoding
        self._session: Session | None = None
        #: See AnswerWriter; set by the connection, which knows what was sent of the closing handshake.
        self.farewell: Callable[[str], bytes] = _nothing
        #: Called when the client has logged in by a message; set by the connection.
        self.logged_in: Callable[[], None] = _no_call

    @property
    def session(self) -> Session:
        """The session, which must have been attached."""
        assert self._session is not None
        return self._session

    def attach(self, session: Session) -> None:
        """This is the session, which has been opened; perhaps it has logged in already."""
        self._session = session

    def detach(self) -> None:
        """The connection is closed: nothing may be sent any more."""
        self._session = None

    @abstractmethod
    def take(self, payload: bytes, *, is_text: bool) -> None:
        """Take a whole message of the client.  Raises Unspeakable."""

    @abstractmethod
    def begin(self) -> None:
        """The session is attached: say what the client is to be told first."""

    @abstractmethod
    def tick(self) -> None:
        """Called every 15 seconds."""

    # -- see AnswerWriter --------------------------------------------------

    @abstractmethod
    def banner(self, banner: bytes) -> bytes:
        """See AnswerWriter."""

    @abstractmethod
    def answer(self, data: bytes) -> bytes:
        """See AnswerWriter."""

    @abstractmethod
    def ended(self) -> bytes:
        """See AnswerWriter."""

    @abstractmethod
    def link(self, event: bytes) -> bytes:
        """See AnswerWriter."""


class RawSpeech(Speech):
    """AMI as on its own port: the banner, then whole messages, one in a frame."""

    def __init__(self) -> None:
        super().__init__(RAW)
        self._is_in = False

    def begin(self) -> None:
        """See Speech: the client has the banner."""

    def tick(self) -> None:
        """See Speech."""

    def take(self, payload: bytes, *, is_text: bool) -> None:
        """See Speech.  Actions need not begin and end with messages."""
        self.session.receive(payload)

    def banner(self, banner: bytes) -> bytes:
        """See AnswerWriter."""
        return binary(banner)

    def answer(self, data: bytes) -> bytes:
        """See AnswerWriter."""
        return b"".join([binary(raw) for raw in messages_in(data)])

    def ended(self) -> bytes:
        """See AnswerWriter."""
        if not self._is_in and self._session is not None and self._session.principal.user is not None:
            self._is_in = True
            self.logged_in()
        return b""

    def link(self, event: bytes) -> bytes:
        """See AnswerWriter: as on AMI's own port."""
        return b""


def _no_call() -> None:
    return


def _nothing(_reason: str) -> bytes:
    return b""
