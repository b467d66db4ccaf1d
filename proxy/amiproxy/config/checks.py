"""Checks of proxy.yaml that types cannot express: values that do not make sense together."""

import difflib
from collections.abc import Collection, Iterable, Mapping

from amiproxy.config.accounts import uid_of
from amiproxy.config.actions import check_actions
from amiproxy.config.address import is_loopback
from amiproxy.config.checking.fleet import (
    check_edge,
    check_fleet,
    check_fleet_in,
    check_fleet_server,
    written_role,
)
from amiproxy.config.checking.web import check_web
from amiproxy.config.fleet.schema import EdgeEntry, FleetServer, FleetSettings
from amiproxy.config.reading.binding import Check
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.problems import KeyPath
from amiproxy.config.schema import (
    Certificate,
    Config,
    FanOut,
    ListenerSettings,
    Log,
    Metrics,
    Tls,
    UpstreamSettings,
    UpstreamTls,
)
from amiproxy.config.users.servers import check_server_name
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.hiddennames import MOST_HIDDEN_NAMES
from amiproxy.core.model.limits import CLOSING_SECONDS, ORDERED, Limits
from amiproxy.x509.errors import BadName
from amiproxy.x509.names import parse_name


def _check_upstream(upstream: UpstreamSettings, path: KeyPath, document: Document) -> None:
    if not upstream.username.isprintable():
        document.report((*path, "username"), "contains unprintable characters", "use plain characters")
    if not is_loopback(upstream.host) and upstream.tls is None and not upstream.insecure_remote:
        text = f"{upstream.host} is not this machine, and the link is plain text"
        remedy = "connect with tls, run the proxy on Asterisk's machine, or set insecure_remote: true"
        document.report((*path, "host"), text, remedy)
    if upstream.tls is not None and upstream.insecure_remote:
        text = "has no effect: with tls the link is not plain text"
        document.report((*path, "insecure_remote"), text, "remove it")
    owner = upstream.expect_user
    if owner is not None:
        if not is_loopback(upstream.host):
            text = "the owner of a connection's other end can be checked on this machine only"
            document.report((*path, "expect_user"), text, "remove it")
        elif not _is_user(owner):
            document.report(
                (*path, "expect_user"), f"unknown user {owner!r} on this machine", "name Asterisk's user"
            )


def _check_upstream_tls(tls: UpstreamTls, path: KeyPath, document: Document) -> None:
    if (tls.chain is None) != (tls.key is None):
        given, lacking = ("chain", "key") if tls.key is None else ("key", "chain")
        document.report((*path, given), f"needs {lacking} as well", f"add {lacking}, or remove {given}")


def _check_listener(listener: ListenerSettings, path: KeyPath, document: Document) -> None:
    check_web(listener, path, document)
    if not listener.certificates and not listener.is_plain:
        text = "a listener needs a certificate: plain text is not supported"
        document.report((*path, "certificates"), text, "add certificates: [{chain: …, key: …}]")
    if listener.client_auth != "none" and listener.client_ca is None:
        text = f"client_auth: {listener.client_auth} needs client_ca"
        document.report(
            (*path, "client_auth"), text, "name the file of the CA that signs clients' certificates"
        )
    for key, file in (("client_ca", listener.client_ca), ("client_crl", listener.client_crl)):
        if file is not None and listener.client_auth == "none":
            text = "has no effect while client_auth is none"
            document.report((*path, key), text, "set client_auth: optional or required, or remove it")


def _check_certificate(certificate: Certificate, path: KeyPath, document: Document) -> None:
    for number, name in enumerate(certificate.names):
        try:
            parse_name(name)
        except BadName as error:
            remedy = "write host names and addresses, as clients connect to"
            document.report((*path, "names", number), str(error), remedy)


def _check_tls(tls: Tls, path: KeyPath, document: Document) -> None:
    if tls.policy == "modern" and tls.minimum_version == "TLSv1.2":
        text = "the policy modern has no TLS 1.2"
        document.report((*path, "minimum_version"), text, "set policy: intermediate, or remove it")
    elif tls.suites and (tls.policy == "modern" or tls.minimum_version == "TLSv1.3"):
        text = "has no effect: the suites of TLS 1.3 are fixed"
        document.report((*path, "suites"), text, "remove it")


def _check_fan_out(fan_out: FanOut, path: KeyPath, document: Document) -> None:
    if fan_out.flush_interval > fan_out.flush_interval_max:
        text = f"{fan_out.flush_interval} is above flush_interval_max ({fan_out.flush_interval_max})"
        document.report((*path, "flush_interval"), text, "lower it, or raise flush_interval_max")


def _check_metrics(metrics: Metrics, path: KeyPath, document: Document) -> None:
    address = metrics.address.address
    if address is not None and not is_loopback(address.host) and not metrics.insecure_remote:
        text = f"{address.host} is open to other machines, and this is plain HTTP without authentication"
        document.report((*path, "address"), text, 'write "127.0.0.1:9539", or set insecure_remote: true')


def _check_limits(limits: Limits, path: KeyPath, document: Document) -> None:
    for low, high in ORDERED:
        _check_order(limits, low, high, path, document)
    room = limits.stop_timeout - limits.drain_timeout
    if 0 <= room < CLOSING_SECONDS:
        text = f"leaves {room:g} s before stop_timeout, but closing takes {CLOSING_SECONDS:g} s"
        document.report((*path, "drain_timeout"), text, "lower it, or raise stop_timeout")


def _check_order(
    limits: Limits, low: str, high: str, path: KeyPath, document: Document, own: Collection[str] | None = None
) -> None:
    """Report if the first limit is above the second, at the one among ``own``; None: at the first."""
    below, above = getattr(limits, low), getattr(limits, high)
    if below > above and (own is None or low in own):
        document.report((*path, low), f"{below} is above {high} ({above})", f"lower it, or raise {high}")
    elif below > above:
        document.report((*path, high), f"{above} is below {low} ({below})", f"raise it, or lower {low}")


def _check_server_limits(config: Config, path: KeyPath, document: Document) -> None:
    """Check the limits of each server together with those for all that they leave as they are."""
    for place, servers in ((("servers",), config.servers), (("fleet", "servers"), config.fleet_servers)):
        for name, server in servers.items():
            own = {key for key in server.limits.__struct_fields__ if getattr(server.limits, key) is not None}
            limits = server.limits.over(config.limits)
            for low, high in ORDERED:
                if low in own or high in own:
                    _check_order(limits, low, high, (*path, *place, name, "limits"), document, own)


def check_server_is_there(document: Document) -> None:
    """Report once if proxy.yaml has neither ``upstream`` nor ``servers``, whatever else is wrong with it.

    An edge of a fleet needs neither.
    """
    written = document.root.content
    if not isinstance(written, dict) or "upstream" in written or "servers" in written:
        return
    if written_role(document) == "edge":
        return
    text = "the key 'upstream' is missing"
    if all(problem.text != text for problem in document.problems):
        document.report((), text, "add it, or servers with the names of several")


def _check_servers(config: Config, path: KeyPath, document: Document) -> None:
    if not config.every_name:
        written = document.root.content
        if isinstance(written, dict) and "servers" in written:
            text = "has no server"
            document.report((*path, "servers"), text, "add one, or write upstream for a single one")
        check_server_is_there(document)
        return
    if config.upstream is not None and config.servers:
        document.report((*path, "servers"), "upstream is set already", "keep one of the two")
    for name in config.servers:
        try:
            check_server_name(name)
        except Unfit as error:
            document.report((*path, "servers", name), str(error), error.remedy)
    _check_server_limits(config, path, document)
    named: list[tuple[KeyPath, str]] = [
        (("listeners", number, "server"), listener.server)
        for number, listener in enumerate(config.listeners)
        if listener.server is not None
    ]
    if config.default_server:
        named.append((("default_server",), config.default_server))
    for key, name in named:
        if config.upstream is not None:
            text = "upstream is one server without a name"
            document.report((*path, *key), text, "remove it, or write servers instead of upstream")
        elif name not in config.every_name:
            document.report((*path, *key), f"there is no server {name!r}", _known(name, config.every_name))


def _known(name: str, servers: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, servers, n=1)
    return f"did you mean '{near[0]}'?" if near else f"servers has {', '.join(servers)}"


def _check_log(settings: Log, path: KeyPath, document: Document) -> None:
    names = len(settings.hidden_variables)
    if names > MOST_HIDDEN_NAMES:
        text = f"{names} patterns, but at most {MOST_HIDDEN_NAMES} are allowed"
        document.report((*path, "hidden_variables"), text, 'combine similar ones, such as "*PIN*"')


def _check_config(config: Config, path: KeyPath, document: Document) -> None:
    check_actions(config.actions, (*path, "actions"), document)
    _check_servers(config, path, document)
    check_fleet_in(config, path, document)
    if config.users_file is None and not config.users_files:
        document.report(path, "the key 'users_file' is missing", "add it, or users_files with patterns")
    elif config.users_file is not None and config.users_files:
        text = "users_file is set already"
        document.report((*path, "users_files"), text, "keep one of the two")
    if not config.listeners:
        document.report(
            (*path, "listeners"), "at least one listener is needed", 'add one, with its address: "[::]:5039"'
        )
    elif not config.tls_listeners:
        text = "no listener has a certificate: clients of AMI could not connect"
        document.report((*path, "listeners"), text, "add one without insecure_local")
    seen: dict[str, int] = {}
    for number, listener in enumerate(config.listeners):
        address = listener.address
        if seen.setdefault(str(address), number) != number and (address.name or address.path or address.port):
            text = f"listeners[{seen[str(address)]}] has this address already"
            document.report((*path, "listeners", number, "address"), text, "remove one of them")


#: By type, for the binder.
CHECKS: Mapping[type, Check] = {
    UpstreamSettings: _check_upstream,
    UpstreamTls: _check_upstream_tls,
    Certificate: _check_certificate,
    ListenerSettings: _check_listener,
    Tls: _check_tls,
    FanOut: _check_fan_out,
    Metrics: _check_metrics,
    Limits: _check_limits,
    Log: _check_log,
    FleetSettings: check_fleet,
    EdgeEntry: check_edge,
    FleetServer: check_fleet_server,
    Config: _check_config,
}


def _is_user(name: str) -> bool:
    try:
        uid_of(name)
    except KeyError:
        return False
    return True
