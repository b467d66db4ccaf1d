"""The administrative endpoints, control socket and metrics port, opened and closed together."""

import socket
from collections.abc import Callable

from amiproxy import log
from amiproxy.config.address import Place, is_loopback
from amiproxy.net.admin.control import ControlServer
from amiproxy.net.admin.localsocket import SocketRefused, UnixListener
from amiproxy.net.admin.metricsserver import MetricsServer
from amiproxy.net.admin.service import Service
from amiproxy.net.doors.binding import bind
from amiproxy.net.host.systemd import NoListener, take_sockets

Inherited = dict[str, list[socket.socket]]


class EndpointRefused(Exception):
    """An endpoint cannot be opened; the text names its key, what is wrong and what to do."""


class AdminEndpoints:
    """Opens the endpoints that the configuration of ``service`` names."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._control = ControlServer(service)
        metrics = service.config.metrics
        self._metrics = MetricsServer(service, metrics.hosts if metrics is not None else ())
        self._closers: list[Callable[[], None]] = []

    async def open(self, inherited: Inherited) -> None:
        """Open the endpoints; sockets that are used are removed from ``inherited``.

        Raises EndpointRefused.
        """
        config = self._service.config
        if config.control is not None:
            for sock in self._listen("control.socket", config.control.socket, inherited):
                await self._control.start(sock)
            log.say(log.INFO, "control-open", socket=config.control.socket)
        if config.metrics is not None:
            for sock in self._listen("metrics.address", config.metrics.address, inherited):
                await self._metrics.start(sock)
            log.say(log.INFO, "metrics-open", address=config.metrics.address)

    async def close(self) -> None:
        """Close the endpoints, and remove our socket files."""
        await self._control.close()
        await self._metrics.close()
        for close in self._closers:
            close()
        self._closers.clear()

    def _listen(self, key: str, place: Place, inherited: Inherited) -> list[socket.socket]:
        try:
            if place.path is not None:
                unix = UnixListener(place.path)
                self._closers.append(unix.close)
                return [unix.socket]
            if place.address is not None:
                sock = bind(place.address.host, place.address.port)
                self._closers.append(sock.close)
                return [sock]
        except SocketRefused as error:
            raise EndpointRefused(f"{key}: {error}") from error
        except OSError as error:
            text = f"{key}: {error.strerror}"
            raise EndpointRefused(f"{text}; stop the program that uses it, or choose another") from error
        try:
            sockets = take_sockets(inherited, place.name, unix=True if key == "control.socket" else None)
        except NoListener as error:
            raise EndpointRefused(f"{key}: {error}") from error
        self._closers.extend(sock.close for sock in sockets)
        if key == "metrics.address":
            self._refuse_remote(sockets)
        return sockets

    def _refuse_remote(self, sockets: list[socket.socket]) -> None:
        metrics = self._service.config.metrics
        for sock in sockets:
            host = sock.getsockname()[0] if sock.family != socket.AF_UNIX else "localhost"
            if metrics is not None and not is_loopback(host) and not metrics.insecure_remote:
                text = f"metrics.address: the passed socket listens on {host}, which other machines can reach"
                raise EndpointRefused(f"{text}; give it a loopback address, or set insecure_remote: true")
