"""Site: everything that one listener with ``door: http`` serves, and who may ask for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from amiproxy.config import AjamSettings, ListenerSettings
from amiproxy.core.admission.networks import NetworkSet
from amiproxy.net.doors.http.exchange import Exchange, Handler
from amiproxy.net.doors.http.hosts import AllowedHosts
from amiproxy.net.doors.http.origins import is_foreign, is_preflight, preflight, sharing
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import SECURITY_HEADERS, Headers, Response, plain

#: Methods that a route may have; all others are answered 501, as by Asterisk.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Makes the response of a refusal: its status, and one line that says what is wrong.
ErrorPage = Callable[[int, str], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """What is at one path.

    ``errors`` makes refusals in the form that clients of this path expect.  ``asked`` is what requests for it
    count as, of ``requestcounts.ASKED``.
    """

    handler: Handler
    methods: tuple[str, ...] = ("GET", "HEAD")
    #: Whether requests of pages that are not ours are refused.  False only if the handler does so itself.
    checks_origin: bool = True
    #: The status for another method: 501 where Asterisk answers so.
    wrong_method: int = 405
    errors: ErrorPage = plain
    asked: str = "other"
    #: Sent with every response at this path, refusals too, whose handler has not set the header itself.
    headers: Headers = ()


class Site:
    """The routes and settings of one listener; ``adopt`` replaces the settings for later requests.

    ``certificates`` returns the names in the certificates that the listener serves now, as ``kind:value``.
    """

    def __init__(self, settings: ListenerSettings, certificates: Callable[[], Iterable[str]] = tuple) -> None:
        self.hosts = AllowedHosts(certificates)
        #: The reverse proxies whose headers about their clients are believed.
        self.trusted = NetworkSet(())
        self.settings = settings
        self._exact: dict[bytes, Route] = {}
        self._below: dict[bytes, Route] = {}
        self._ajam: dict[bytes, Route] = {}
        self.adopt(settings)

    def adopt(self, settings: ListenerSettings) -> None:
        """Replace names, prefix, origins, trusted proxies and the settings of AJAM."""
        self.settings = settings
        self.hosts.adopt(settings.names)
        self.trusted = NetworkSet(settings.trusted_proxies)

    @property
    def ajam(self) -> AjamSettings:
        """The settings of AJAM."""
        return self.settings.ajam

    @property
    def prefix(self) -> bytes:
        """What AJAM's paths begin with: "" or ``/asterisk``."""
        return self.settings.prefix.encode()

    # -- routes ------------------------------------------------------------

    def add(self, path: str, route: Route) -> None:
        """Serve exactly this path."""
        self._exact[path.encode()] = route

    def add_below(self, path: str, route: Route) -> None:
        """Serve every path that begins with this one, which ends with a slash, and is no path of ``add``.

        Of several the longest counts.
        """
        assert path.endswith("/")
        self._below[path.encode()] = route

    def add_ajam(self, name: str, route: Route) -> None:
        """Serve ``/name`` behind the prefix, in any case and perhaps with a slash at its end, as Asterisk."""
        self._ajam[b"/" + name.encode().lower()] = route

    def _route(self, path: bytes) -> Route | None:
        found = self._exact.get(path)
        if found is not None:
            return found
        prefix = self.prefix.lower()
        folded = path.lower()
        if folded.startswith(prefix):
            found = self._ajam.get(folded[len(prefix) :].removesuffix(b"/"))
        if found is None:
            start = max((start for start in self._below if path.startswith(start)), key=len, default=b"")
            found = self._below.get(start)
        return found

    def asked(self, request: Request) -> str:
        """What the request asks for, of ``requestcounts.ASKED``."""
        route = self._route(request.path)
        return "other" if route is None else route.asked

    # -- requests ----------------------------------------------------------

    def refusal(self, request: Request) -> Response | None:
        """Why no handler may see this request, whose body need not be there yet; None if one may."""
        route = self._route(request.path)
        errors = route.errors if route is not None else plain
        if request.method not in _METHODS:
            return errors(501, "this method is not supported")
        host = self._refusal_of_host(request, errors)
        if host is not None:
            return host
        if route is None:
            return errors(404, "there is nothing at this path")
        if is_preflight(request, self.settings.allowed_origins):
            return preflight(request, route.methods)
        if request.method not in route.methods:
            refused = errors(route.wrong_method, "this method is not supported here")
            return refused.plus(((b"Allow", ", ".join(route.methods).encode()),))
        if route.checks_origin and is_foreign(request, self.settings.allowed_origins):
            return errors(403, "the request was made by a page of another site")
        return None

    def _refusal_of_host(self, request: Request, errors: ErrorPage) -> Response | None:
        host = request.header(b"host")
        if not host:
            # Asterisk takes such requests, but a browser never sends one; so a program on this machine may.
            local = request.peer.address in _LOOPBACK and not self.hosts.are_configured
            if "ajam" in self.settings.doors and local:
                return None
            return errors(400, "exactly one Host header is required")
        if not self.hosts.has(host):
            return errors(421, "this Host is neither in the certificate nor in names")
        return None

    def serve(self, exchange: Exchange) -> None:
        """Answer a request, or give it to its handler."""
        refused = self.refusal(exchange.request)
        if refused is not None:
            exchange.respond(refused)
            return
        route = self._route(exchange.request.path)
        assert route is not None
        route.handler(exchange)

    def finished(self, request: Request | None, response: Response) -> Response:
        """The response with the headers that every response has; ``request`` is None if it was malformed."""
        extra = SECURITY_HEADERS
        if request is not None:
            route = self._route(request.path)
            if route is not None:
                response = response.plus(route.headers)
            extra = (*sharing(request, self.settings.allowed_origins), *extra)
            if self.settings.hsts and request.secure:
                extra += ((b"Strict-Transport-Security", b"max-age=%d" % self.settings.hsts),)
        return response.plus(extra)


_LOOPBACK: Final = NetworkSet(("127.0.0.0/8", "::1/128"))
