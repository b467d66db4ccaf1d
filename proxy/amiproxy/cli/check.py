"""``ami-proxy check``: validates the files as ``run`` and a reload do, and compares them with the service."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from amiproxy.cli.configured import add_config_option
from amiproxy.cli.ctl import DEFAULT_SOCKET, UNREACHABLE
from amiproxy.cli.ctl.connection import Connection, NotReachable, Refused
from amiproxy.config import (
    Config,
    ConfigErrors,
    FleetSettings,
    ListenerSettings,
    Loaded,
    Tls,
    Unfit,
    UsersFile,
    draft_config,
    load,
    named_users,
    warnings_of,
)
from amiproxy.config.reading.files import is_missing
from amiproxy.counted import count
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.net.tls.tlserrors import reason_of
from amiproxy.net.tls.tlspolicy import client_context
from amiproxy.net.upstream.errors import LinkError
from amiproxy.net.upstream.tls import link_context
from amiproxy.tools import terminal
from amiproxy.tools.against import candidate, comparing, running, text
from amiproxy.tools.against.report import STATUS, Report
from amiproxy.tools.terminal import console, printable
from amiproxy.x509.validating.findings import Finding, errors_of

_EXAMPLE = """\
examples:
  ami-proxy check && systemctl reload ami-proxy
  ami-proxy check --against-running
  ami-proxy check --config proxy.yaml

Each problem is one line on stderr: file:line: key: what is wrong; what to do.

Exit status:
  0  the files can be used (warnings are allowed); with --against-running:
     the service has this configuration already, or a reload applies it
  1  the files cannot be used, or a reload would be refused
  2  wrong usage
  3  --against-running: no service answers on the control socket
  4  --against-running: the files can be used, but only a restart applies
     all of them, as when this ami-proxy has another version than the
     service that runs"""

#: Columns of the narrowest terminal that lines are wrapped for.
_NARROWEST = 40


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="validate the configuration, the users and the certificates",
        description="Validate proxy.yaml, the users.yaml it names, and all certificates and keys. "
        "Say what a reload, restart or upgrade would change.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_option(parser)
    parser.add_argument(
        "--against-running",
        action="store_true",
        help="compare with the running service: what would change, take a restart, or be refused",
    )
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help="the service's control socket (default: as proxy.yaml says, "
        f"or {DEFAULT_SOCKET} if it names none)",
    )
    parser.add_argument("--json", action="store_true", help="print the comparison as one JSON object")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Print the problems, or if there are none a summary or the comparison; return the exit status.

    0 if the files can be used, 1 otherwise; see the help for that of the comparison.
    """
    file: Path = arguments.config
    if not arguments.against_running and (arguments.json or arguments.socket is not None):
        arguments.usage_error("--json and --socket need --against-running")
    try:
        loaded = load(file)
    except ConfigErrors as errors:
        status = _cannot_be_used(map(str, errors.problems), arguments)
        if _is_not_set_up(file):
            terminal.error("hint: ami-proxy setup makes the secret, a certificate, and the first user")
        return status
    config, users, outdated = loaded
    judged = [_judge(one, config.tls) for one in config.tls_listeners]
    findings = list(dict.fromkeys(finding for _, found in judged for finding in found))
    bad_files = [finding for finding in findings if finding.level == "warning"]
    warnings = list(map(str, [*outdated, *warnings_of(config, users), *_links(config), *bad_files]))
    wrong = errors_of(findings)
    status = _cannot_be_used(map(str, wrong), arguments) if wrong else 0
    for warning in warnings:
        terminal.error(f"warning: {warning}")
    if wrong:
        return status
    if arguments.against_running:
        stores = [store for store, _ in judged if store is not None]
        return _compare(arguments, loaded, stores, warnings)
    terminal.say(f"{file}: ok")
    for line in _summary(config, users):
        terminal.say(f"  {line}")
    return 0


def _is_not_set_up(file: Path) -> bool:
    """Whether proxy.yaml is as good as it is after the installation, without the secret for Asterisk."""
    try:
        return is_missing(draft_config(file).first_server.secret_file)
    except (ConfigErrors, Unfit):
        return False


def _cannot_be_used(problems: Iterable[str], arguments: argparse.Namespace) -> int:
    told = list(problems)
    for problem in told:
        terminal.error(problem)
    if arguments.json:
        print(msgspec.json.encode({"result": "refused", "refused": told}).decode())
    return 1


def _compare(
    arguments: argparse.Namespace, loaded: Loaded, stores: list[CertStore], warned: list[str]
) -> int:
    """Compare valid files with the running service and print the result; return the exit status."""
    key = os.urandom(32)
    try:
        connection = Connection(_socket(arguments, loaded.config))
        try:
            service = running.running(connection, key)
        finally:
            connection.close()
        files = candidate.candidate(loaded, stores, key)
    except (NotReachable, Refused, ConnectionError) as error:
        terminal.error(f"ami-proxy check: {error}")
        return UNREACHABLE
    except Unfit as error:
        return _cannot_be_used([f"{error}; {error.remedy}"], arguments)
    refused = candidate.unreadable_by(service, loaded.config, arguments.config)
    report = comparing.compare(service, files, loaded.config, arguments.config, refused)
    _print(report, arguments, service.pid, warned)
    return STATUS[report.result]


def _print(report: Report, arguments: argparse.Namespace, pid: int, warned: list[str]) -> None:
    if arguments.json:
        print(msgspec.json.encode(text.data(report)).decode())
        return
    out = console()
    # In a pipe each fact is one line for other programs.
    width = max(out.width, _NARROWEST) if out.is_terminal else sys.maxsize
    terminal.say(printable(f"{arguments.config}, compared with ami-proxy {report.versions[0]}, pid {pid}"))
    print()
    for line in text.lines(report, warned, width):
        terminal.say(printable(line))


def _socket(arguments: argparse.Namespace, config: Config) -> Path:
    """The service's control socket; proxy.yaml does not know its path if the service manager passes it."""
    given: Path | None = arguments.socket
    named = config.control.socket.path if config.control is not None else None
    return given or named or DEFAULT_SOCKET


def _judge(listener: ListenerSettings, tls: Tls) -> tuple[CertStore | None, tuple[Finding, ...]]:
    """The certificates of a listener, loaded as a start does, or None; and the findings."""
    try:
        store = CertStore(listener, tls)
    except CertificatesRefused as refused:
        return None, refused.findings
    return store, store.last_result.findings


def _links(config: Config) -> Iterator[str]:
    """The files of ``tls`` with which no link can be made.

    They are no errors: the service starts without the link, and reads them again for each attempt.
    """
    for name, server in config.every_server.items():
        if server.tls is not None:
            try:
                link_context(server.tls)
            except LinkError as wrong:
                yield f"{'upstream' if config.upstream is not None else f'servers.{name}'}.{wrong}"
    if config.fleet is not None:
        try:
            client_context().load_verify_locations(cafile=config.fleet.ca)
        except OSError as error:  # ssl.SSLError is one
            reason = reason_of(error)
            yield f"fleet.ca: {config.fleet.ca} cannot be used ({reason}); name a PEM file of CA certificates"


def _summary(config: Config, users: UsersFile) -> Iterator[str]:
    for name, server in config.every_server.items():
        label = "upstream  " if config.upstream is not None else f"server     {name}:"
        tls = ", TLS" if server.tls is not None else ""
        default = ", the default" if name == config.default_server else ""
        yield f"{label} {server.host}:{server.port} as {server.username}{tls}{default}"
    if config.fleet is not None:
        yield from _of_fleet(config.fleet, config.default_server)
    for listener in config.listeners:
        door = f", http: {', '.join(listener.doors)}" if listener.door == "http" else ""
        only = f", server {listener.server}" if listener.server is not None else ""
        tls = (
            f"TLS {config.tls.policy}, client certificates "
            f"{listener.client_auth}, {count(len(listener.certificates), 'certificate')}"
        )
        yield f"listener   {listener.address}, {'no TLS' if listener.is_plain else tls}{door}{only}"
    disabled = sum(entry.disabled for entry in users.users.values())
    yield f"users      {count(len(users.users), 'user')}, {disabled} disabled, from {named_users(config)}"
    for name, entry in users.users.items():
        yield f"  {name}: {'disabled' if entry.disabled else 'enabled'}"
    yield f"control    {config.control.socket if config.control else 'off'}"
    yield f"metrics    {config.metrics.address if config.metrics else 'off'}"


def _of_fleet(fleet: FleetSettings, default_server: str) -> Iterator[str]:
    yield f"fleet      {fleet.role} {fleet.name}, at {', '.join(map(str, fleet.engines))}"
    for name, edge in fleet.edges.items():
        yield f"  {name}: for {'all users' if isinstance(edge.users, str) else ', '.join(edge.users)}"
    for name, server in fleet.servers.items():
        default = ", the default" if name == default_server else ""
        yield f"server     {name}: by {', '.join(server.agents)}{default}"
