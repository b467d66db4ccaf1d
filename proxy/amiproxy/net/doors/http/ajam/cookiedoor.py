"""CookieDoor: /rawman, /mxml and /manager, whose sessions are known by a cookie."""

from typing import Final

from amiproxy import log
from amiproxy.ami import message
from amiproxy.ami.encodings.parameters import last
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.clients.web.websessions import WebSessions
from amiproxy.core.limitstate import LimitState
from amiproxy.net.doors.http.ajam import cookies, running
from amiproxy.net.doors.http.ajam.asked import Asked
from amiproxy.net.doors.http.ajam.pages import Page
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.site import Site

_PRAGMA: Final = (b"Pragma", b"SuppressEvents")
_FAREWELL: Final = b"Thanks for all the fish."
_NO_ROOM: Final = b"Too many logins at once"
_RETRY: Final = (b"Retry-After", b"1")
_IN_THE_URL: Final = b"A secret must not be in the URL here: send the login by POST"


class CookieDoor:
    """Serves the pages of one site.

    Unlike in Asterisk, a request of a client that is not logged in makes no session and sets no cookie,
    except for a Challenge; and a login always makes a new key, so that nobody can know it before.
    """

    def __init__(self, site: Site, web: WebSessions, entrance: Entrance, limit_state: LimitState) -> None:
        self._site = site
        self._web = web
        self._entrance = entrance
        self._limit_state = limit_state

    def serve(self, page: Page, exchange: Exchange) -> None:
        """Answer one request for a page."""
        request = exchange.request
        asked = Asked(page, exchange)
        asked.headers = (_PRAGMA,)
        session = self._session_of(request)
        if session is not None:
            exchange.authenticated()
            self._set_cookie(asked, session)
        if not asked.read():
            return
        if session is not None:
            longest = self._limit_state.limits.http_answer_bytes
            running.run(
                session, asked, self._site.ajam.timeout, longest, lambda: self._forget(asked, session)
            )
        elif asked.name == b"login":
            self._login(asked)
        elif asked.name == b"challenge":
            self._challenge(asked)
        elif asked.name == b"logoff":
            asked.answer(message.response(b"Goodbye", asked.action_id, (b"Message", _FAREWELL)))
        elif not asked.name:
            asked.answer(running.missing_action(asked))
        else:
            asked.answer(message.error(asked.action_id, b"Permission denied"))

    def _session_of(self, request: Request) -> WebSession | None:
        for key in cookies.keys(request.cookies):
            session = self._web.find(key, request.peer, self._entrance)
            if session is not None:
                return session
        return None

    def _login(self, asked: Asked) -> None:
        assert asked.action is not None
        exchange = asked.exchange
        if not self._secret_may_be_here(asked):
            asked.refuse(message.error(asked.action_id, _IN_THE_URL), 403)
            return

        def done(session: WebSession | None, ami: bytes) -> None:
            if session is not None:
                exchange.authenticated()
                self._set_cookie(asked, session)
            self._answer(asked, ami)

        challenged = next(iter(cookies.keys(exchange.request.cookies)), b"")
        exchange.judged()
        login = self._web.login(exchange.request.peer, self._entrance, asked.action, done, challenged)
        exchange.on_gone(login)

    def _challenge(self, asked: Asked) -> None:
        assert asked.action is not None
        exchange = asked.exchange

        def done(key: bytes, ami: bytes) -> None:
            if key:
                asked.headers = (self._cookie(asked, key, int(self._site.ajam.timeout)), _PRAGMA)
            self._answer(asked, ami)

        exchange.on_gone(self._web.challenge(exchange.request.peer, self._entrance, asked.action, done))

    @staticmethod
    def _answer(asked: Asked, ami: bytes) -> None:
        if ami:
            asked.answer(ami)
        else:  # nobody has looked at the secret, which may be right
            asked.headers = (*asked.headers, _RETRY)
            asked.refuse(message.error(asked.action_id, _NO_ROOM), 503)

    def _secret_may_be_here(self, asked: Asked) -> bool:
        """Whether a login may be tried that has its secret in the URL, where browsers and servers keep it."""
        setting = self._site.ajam.get_login
        request = asked.exchange.request
        if setting == "allow" or request.method == "POST" or not last(asked.parameters, b"secret"):
            return True
        name = last(asked.parameters, b"username").decode("latin-1")
        self._limit_state.rationed.say(
            log.WARNING, "secret-in-url", request.peer.address, user=name, refused=setting == "refuse"
        )
        return setting == "warn"

    def _set_cookie(self, asked: Asked, session: WebSession) -> None:
        """Have the client keep the cookie for as long as the session lives without a request."""
        asked.headers = (self._cookie(asked, session.key, int(self._site.ajam.timeout)), _PRAGMA)
        asked.belongs_to(session)

    def _forget(self, asked: Asked, session: WebSession) -> None:
        """Have the client forget the cookie of a session that has ended."""
        asked.headers = (self._cookie(asked, session.key, 0), _PRAGMA)

    def _cookie(self, asked: Asked, key: bytes, seconds: int) -> tuple[bytes, bytes]:
        value = cookies.set_cookie(
            key,
            seconds,
            self._site.prefix + b"/",
            secure=asked.exchange.request.secure,
            cross_site=bool(self._site.settings.allowed_origins),
        )
        return b"Set-Cookie", value
