"""Asked: what one request of AJAM asks, and how it is answered."""

from itertools import count
from typing import Final

from amiproxy import log
from amiproxy.ami import message
from amiproxy.ami.encodings.parameters import Parameters, UnfitParameter, action_name, as_action, decode
from amiproxy.ami.errors import ProtocolError
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.net.doors.http.ajam import answers
from amiproxy.net.doors.http.ajam.pages import Page
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Headers, Response

_FORM: Final = b"application/x-www-form-urlencoded"
#: The longest name of an action that is logged; the longest of Asterisk has 32 characters.
_LOGGED: Final = 40
_numbers: Final = count(1)


def parameters_of(request: Request) -> Parameters:
    """The parameters of a request: those of POST only from a form in its body, as in Asterisk."""
    if request.method != "POST":
        return decode(request.query)
    kind = request.header(b"content-type").partition(b";")[0].strip(b" \t").lower()
    return decode(request.body) if kind == _FORM else []


class Asked:
    """One request for a page, its parameters, and its answer.

    ``name`` is the action's in lower case, b"" if there is none.  ``action`` is the action as AMI, once it
    has been ``read``; None if the parameters cannot be one.
    """

    __slots__ = ("_number", "_page", "action", "exchange", "headers", "name", "parameters", "session", "user")

    def __init__(self, page: Page, exchange: Exchange) -> None:
        self._page = page
        self._number = next(_numbers)
        self.exchange = exchange
        self.parameters = parameters_of(exchange.request)
        self.name = action_name(self.parameters).lower()
        #: Headers that this response has besides those of every page.
        self.headers: Headers = ()
        #: Whose request it is, for the log.
        self.user: str | None = None
        self.session: str | None = None
        self.action: bytes | None = None

    def belongs_to(self, session: WebSession) -> None:
        """It is a request in this session; for the log."""
        self.session, self.user = session.principal.id, session.user.name

    @property
    def action_id(self) -> bytes:
        """The client's own ActionID."""
        return next((value for name, value in self.parameters if name.lower() == b"actionid"), b"")

    def read(self) -> bool:
        """Make the ``action``; False if that is impossible, and the request has been answered."""
        try:
            self.action = as_action(self.parameters)
        except UnfitParameter as unfit:
            self.refuse(message.error(b"", str(unfit).encode()), 400)
        except ProtocolError as error:
            self.answer(message.error(error.action_id, str(error).encode()))
        return self.action is not None

    def answer(self, ami: bytes) -> None:
        """Answer with one short message of AMI, or with none."""
        self.refuse(ami, 200)

    def refuse(self, ami: bytes, status: int) -> None:
        """The same with a status of HTTP; AMI's own errors have 200, as in Asterisk."""
        self._respond(self._page.body(self.parameters, ami), status)

    def answer_long(self, ami: bytes, longest: int) -> None:
        """Answer with what an action was answered; an error if that has more than ``longest`` bytes."""

        def written(body: bytes | None) -> None:
            if body is None:
                self.answer(message.error(self.action_id, b"Answer too long"))
            else:
                self._respond(body, 200)

        self._page.write(self.parameters, ami, longest, written)

    def unauthorized(self, challenges: list[bytes]) -> None:
        """Ask for credentials by these challenges."""
        self._send(answers.unauthorized(self.exchange, challenges))

    def _respond(self, body: bytes, status: int) -> None:
        kind = self._page.content_type
        self._send(answers.page(self.exchange, kind, body, *self.headers, status=status))

    def _send(self, response: Response) -> None:
        request = self.exchange.request
        log.say(
            log.DEBUG,
            "ajam-request",
            request=self._number,
            session=self.session,
            user=self.user,
            peer=request.peer.address,
            method=request.method,
            # Never the target: it may hold a secret.
            path=self._page.path,
            action=self.name[:_LOGGED].decode("latin-1") or None,
            status=response.status,
            bytes=len(response.body),
        )
        self.exchange.respond(response)
