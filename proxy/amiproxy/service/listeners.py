"""The listening sockets for clients and their certificates, as proxy.yaml has them."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from amiproxy.config import Config, ListenerSettings
from amiproxy.config.address import is_loopback
from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.session import Session
from amiproxy.core.hub import Hub
from amiproxy.core.ports import Transport
from amiproxy.net.admin.localsocket import SocketRefused, UnixListener
from amiproxy.net.certs.certset import CertSet
from amiproxy.net.certs.halfwritten import Retry
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.net.certs.rotation import SETTLE
from amiproxy.net.doors.ami import AmiConnection
from amiproxy.net.doors.binding import await_first_byte, bind
from amiproxy.net.doors.connection import ConnectionFactory
from amiproxy.net.doors.http.api.operator import Operator
from amiproxy.net.doors.listener import Listener
from amiproxy.net.doors.plainstream import PlainAcceptor
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.tlsconnection import TlsAcceptor
from amiproxy.net.host.systemd import NoListener, take_sockets
from amiproxy.service.loadedconfig import StartError

if TYPE_CHECKING:  # the packages that it needs are installed only where a listener has ``door: http``
    from amiproxy.net.doors.http.site import Site

#: Mode of the file of a Unix socket that we make ourselves, for processes of the service's own group.
_UNIX_MODE: Final = 0o660


class Listeners:
    """Opened once, at the start; a reload changes what is about their clients, never the sockets."""

    def __init__(
        self,
        pool: ConnectionPool,
        hub: Hub,
        is_ready: Callable[[], bool],
        operator: Callable[[], Operator],
    ) -> None:
        """``hub`` has the sessions of all clients.

        ``is_ready`` says whether load balancers should send clients to this process.  ``operator`` makes what
        operators may do over HTTP.
        """
        self._pool = pool
        #: Of each entry in proxy.yaml, by door.
        self._entrances: list[dict[str, Entrance]] = []
        #: Of each entry in proxy.yaml; None if it has no ``door: http``.
        self._sites: list[Site | None] = []
        self._hub = hub
        self._operator = operator
        self._is_ready = is_ready
        self._certificates: CertSet | None = None
        #: Each with the index of its entry in proxy.yaml: systemd may pass several sockets for one entry.
        self.sockets: dict[Listener, int] = {}
        self._unix: list[UnixListener] = []

    @property
    def certificates(self) -> CertSet:
        """The certificates of each entry in proxy.yaml.  Call ``open`` first."""
        assert self._certificates is not None
        return self._certificates

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each socket; a configured port of 0 shows as the port that was chosen."""
        return [listener.address for listener in self.sockets]

    @property
    def doors(self) -> list[tuple[str, ...]]:
        """What is spoken on each socket, in the order of ``addresses``: ``ami``, or the doors of HTTP."""
        return [tuple(self._entrances[number]) for number in self.sockets.values()]

    async def open(
        self, config: Config, inherited: dict[str, list[socket.socket]], loop: asyncio.AbstractEventLoop
    ) -> None:
        """Validate the certificates and accept clients; used sockets are removed from ``inherited``.

        ``inherited``: the sockets that the service manager passed, by name.  Files that look half-written are
        read again for ``SETTLE`` seconds, as by a reload.  Raises StartError.
        """
        retry = Retry(SETTLE, SETTLE)
        while self._certificates is None:
            try:
                self._certificates = CertSet(config.tls_listeners, config.tls, self._pool.judge_certificates)
            except CertificatesRefused as error:
                if retry.is_over(error.findings):
                    raise StartError(f"listeners: {error}") from error
                await retry.pause()
        with_tls = iter(range(len(config.tls_listeners)))
        for number, settings in enumerate(config.listeners):
            accept = self._factory(settings, None if settings.is_plain else next(with_tls))
            for sock in self._sockets(settings, inherited):
                await_first_byte(sock)
                trusted, relays = NetworkSet(settings.proxy_protocol), NetworkSet(settings.trusted_proxies)
                listener = Listener(self._pool, sock, accept, trusted, relays)
                listener.start(loop)
                self.sockets[listener] = number

    def _factory(self, settings: ListenerSettings, number: int | None) -> ConnectionFactory:
        """What makes the connections of an entry in proxy.yaml.

        ``number`` is the place of its certificates in their set; None if it has none.
        """
        certificates: Callable[[], tuple[str, ...]] = tuple
        acceptor: TlsAcceptor = PlainAcceptor(self._pool)
        if number is not None:
            acceptor = TlsAcceptor(self._pool, *self.certificates.served_by(number))
            certificates = self.certificates.names_of(number)
        names = ("ami",) if settings.door == "ami" else settings.doors
        entrances = {name: Entrance(door=name) for name in names}
        _configure(entrances.values(), settings)
        self._entrances.append(entrances)
        if settings.door == "ami":
            self._sites.append(None)
            return partial(AmiConnection, self._attach_at(entrances["ami"]), acceptor)
        from amiproxy.service import sites  # noqa: PLC0415 - only this needs the extra

        site = sites.opened_site(settings, certificates, entrances, self._is_ready, self._hub, self._operator)
        self._sites.append(site)
        return sites.accepting(site, acceptor)

    def _attach_at(self, entrance: Entrance) -> Callable[[Transport], Session]:
        return lambda transport: self._hub.attach(transport, entrance)

    def adopt(self, settings: Sequence[ListenerSettings]) -> None:
        """Apply the trusted networks, servers and sites of a new configuration.

        Certificates are swapped by their set.  A listener's server is that of later logins, and a site's
        settings are those of later requests.
        ``settings`` has one entry for each of those that ``open`` was given, in the same order.
        """
        for listener, number in self.sockets.items():
            listener.trusted = NetworkSet(settings[number].proxy_protocol)
            listener.relays = NetworkSet(settings[number].trusted_proxies)
        for entrances, site, entry in zip(self._entrances, self._sites, settings, strict=True):
            _configure(entrances.values(), entry)
            if site is not None:
                site.adopt(entry)

    def stuck(self, now: float) -> list[Listener]:
        """The listeners that have not accepted for too long; ``now`` is loop time."""
        return [listener for listener in self.sockets if listener.stuck(now)]

    def stop(self) -> None:
        """Stop accepting; repeated calls are harmless."""
        for listener in self.sockets:
            listener.stop()
        for unix in self._unix:
            unix.close()

    def _sockets(
        self, settings: ListenerSettings, inherited: dict[str, list[socket.socket]]
    ) -> list[socket.socket]:
        address = settings.address
        if address.name:
            try:
                sockets = take_sockets(inherited, address.name, unix=None if settings.is_plain else False)
            except NoListener as error:
                raise StartError(f"listeners: {error}") from error
            if settings.is_plain:
                _refuse_remote(address.name, sockets)
            return sockets
        try:
            if address.path is not None:
                self._unix.append(UnixListener(address.path, _UNIX_MODE))
                return [self._unix[-1].socket]
            return [bind(address.host, address.port)]
        except SocketRefused as error:
            raise StartError(f"listeners: {error}", may_pass=True) from error
        except OSError as error:
            raise StartError(f"listeners: {error.strerror}", may_pass=True) from error


def _configure(entrances: Iterable[Entrance], settings: ListenerSettings) -> None:
    for entrance in entrances:
        entrance.server = settings.server or ""
        if entrance.door == "ajam":
            entrance.idle = settings.ajam.timeout


def _refuse_remote(name: str, sockets: list[socket.socket]) -> None:
    """Raise StartError if a passed socket for plain HTTP can be reached from other machines."""
    for sock in sockets:
        if sock.family != socket.AF_UNIX and not is_loopback(sock.getsockname()[0]):
            text = (
                f"listeners: the socket {name!r} is open to other machines, and insecure_local is plain HTTP"
            )
            raise StartError(f"{text}; give ListenStream= a path or a loopback address")
