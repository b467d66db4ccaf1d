"""DigestDoor: /arawman, /amxml and /amanager, where each request proves that its client knows a secret."""

from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.clients.web.websessions import WebSessions
from amiproxy.core.limitstate import LimitState
from amiproxy.net.doors.http.ajam import running
from amiproxy.net.doors.http.ajam.asked import Asked
from amiproxy.net.doors.http.ajam.pages import Page
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.site import Site


class DigestDoor:
    """Serves the pages of one site.  There is no cookie, and a nonce is good as nothing else."""

    def __init__(self, site: Site, web: WebSessions, entrance: Entrance, limit_state: LimitState) -> None:
        self._site = site
        self._web = web
        self._entrance = entrance
        self._limit_state = limit_state

    def serve(self, page: Page, exchange: Exchange) -> None:
        """Answer one request for a page."""
        asked = Asked(page, exchange)
        request, ajam = exchange.request, self._site.ajam
        realm = ajam.realm.encode()
        credentials = request.values(b"authorization")
        if len(credentials) != 1:
            asked.unauthorized(self._web.digests.challenge(realm, ajam.digest))
            return

        def done(session: WebSession | None, challenges: list[bytes]) -> None:
            if session is None:
                asked.unauthorized(challenges)
                return
            exchange.authenticated()
            asked.belongs_to(session)
            if asked.read():
                longest = self._limit_state.limits.http_answer_bytes
                running.run(session, asked, ajam.timeout, longest)

        exchange.judged()
        method, (authorization,) = request.method.encode(), credentials
        login = self._web.digests.login(
            request.peer, self._entrance, realm, ajam.digest, method, request.target, authorization, done
        )
        exchange.on_gone(login)
