"""The process around the service: logging, confinement, signals, the event loop."""

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from amiproxy import log
from amiproxy.config import Config, users_files
from amiproxy.net.host.confinement import confine
from amiproxy.net.host.descriptors import raise_descriptors
from amiproxy.net.host.logwriter import LogWriter
from amiproxy.net.host.systemd import logs_to_journal
from amiproxy.net.loop.eventloop import new_event_loop
from amiproxy.service.app import App
from amiproxy.service.loadedconfig import prepare


def run(path: Path, started: Callable[[App], None] = lambda _: None) -> None:
    """Serve until told to stop, by SIGTERM or SIGINT.

    ``started`` is called once clients can connect.  Raises ConfigErrors or StartError if the service cannot
    start.
    """
    prepared = prepare(path)
    settings = prepared.config.log
    log.configure(settings.format, settings.level, journal=logs_to_journal(), clock=time.monotonic)
    raise_descriptors(prepared.config.limits.connections)

    writer = LogWriter()

    def open_to_clients(app: App) -> None:
        # Landlock confines the calling thread and those that it starts later, so confine before the log
        # writer starts its thread.
        confine(_files(path, prepared.config), _folders(prepared.config))
        writer.start()
        log.set_output(writer)
        # The objects that exist now live as long as the process, so exempt them from garbage collection.
        # A full collection, which comes when many clients connect, would otherwise scan all of them
        # again: 45 ms in which no event leaves.
        gc.collect()
        gc.freeze()
        started(app)

    async def serve() -> None:
        await App(path, prepared, asyncio.get_running_loop()).run(open_to_clients)

    # A SIGHUP before the loop has its handler, or after, must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve())
    finally:
        writer.stop()
        log.set_output(None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _files(path: Path, config: Config) -> Iterator[Path]:
    """The files that a reload reads."""
    yield path
    yield from filter(None, (config.users_file, *config.users_files))
    yield from users_files(config)
    yield from config.actions_from
    for server in config.every_server.values():
        yield server.secret_file
        if server.tls is not None:
            yield from filter(None, (server.tls.ca, server.tls.chain, server.tls.key))
    if config.fleet is not None:
        yield from (config.fleet.ca, config.fleet.seed_file, config.fleet.token_key_file)
    for listener in config.listeners:
        yield from filter(None, (listener.client_ca, listener.client_crl))
        for pair in listener.certificates:
            yield pair.chain
            yield pair.key


def _folders(config: Config) -> Iterator[Path]:
    """The folders from which our Unix sockets are removed at the end."""
    places = (
        config.control.socket.path if config.control is not None else None,
        config.metrics.address.path if config.metrics is not None else None,
    )
    listeners = (listener.address.path for listener in config.listeners)
    yield from (place.parent for place in (*places, *listeners) if place is not None)
