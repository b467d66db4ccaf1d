"""``ami-proxy certs check``: would a reload serve these certificate files?"""

import argparse
from pathlib import Path

from amiproxy.cli.certs.verbs import Commands, add_verb
from amiproxy.config import Address, Certificate, ConfigErrors, ListenerSettings, Tls, load_config
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.tools import terminal
from amiproxy.x509.errors import X509Error
from amiproxy.x509.facts import facts_of
from amiproxy.x509.pem import load_certificates
from amiproxy.x509.snapshot import read_file
from amiproxy.x509.validating.findings import Finding

_CHECK_WHICH = """\
  ami-proxy certs check --config /etc/ami-proxy/proxy.yaml

With --config, all settings of proxy.yaml apply: tls:, names: and those of client certificates.  The
names that the certificates served now cover are not known; for a single pair, --served gives them.
Without --config the check is strict: names must stay covered, and revocation lists must be current."""


# Options of ``check`` that exclude --config, because the configuration has these settings.
_BY_HAND = ("chain", "key", "name", "served", "client_ca", "client_crl", "policy", "allow_expired")


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_verb(
        verbs, "check", "check certificate files as a reload does, without serving them", _check
    )
    parser.epilog = f"{parser.epilog}\n{_CHECK_WHICH}"
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="proxy.yaml: check all certificate files it names, with its settings (no --chain or --key)",
    )
    parser.add_argument("--chain", type=Path, metavar="FILE", help="certificate chain, leaf first")
    parser.add_argument("--key", type=Path, metavar="FILE", help="private key")
    parser.add_argument(
        "--name", action="append", default=[], metavar="NAME", help="a name to be covered (may be repeated)"
    )
    parser.add_argument(
        "--served",
        type=Path,
        metavar="FILE",
        help="the certificate in use now; all its names must stay covered",
    )
    parser.add_argument("--client-ca", type=Path, metavar="FILE", help="CAs that sign client certificates")
    parser.add_argument("--client-crl", type=Path, metavar="FILE", help="revocation lists of these CAs")
    parser.add_argument(
        "--policy", choices=("modern", "intermediate"), help="TLS policy (default: intermediate)"
    )
    parser.add_argument(
        "--allow-expired", action="store_true", help="only warn if a certificate is expired or not yet valid"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing unless something is wrong")


def _check(arguments: argparse.Namespace) -> int:
    if arguments.config is not None:
        return _check_configured(arguments)
    if arguments.chain is None or arguments.key is None:
        raise X509Error("give --chain and --key, or --config")
    if arguments.client_crl is not None and arguments.client_ca is None:
        raise X509Error("--client-crl needs --client-ca: a revocation list is checked against its CA")
    names = [*arguments.name]
    if arguments.served is not None:
        served = load_certificates(read_file(arguments.served).data, str(arguments.served))
        names += facts_of(served[0]).names
    files = ListenerSettings(
        address=Address(),  # nothing listens
        certificates=(Certificate(chain=arguments.chain, key=arguments.key),),
        client_auth="required" if arguments.client_ca is not None else "none",
        client_ca=arguments.client_ca,
        client_crl=arguments.client_crl,
    )
    try:
        tls = Tls(
            policy=arguments.policy or "intermediate",
            allow_expired=arguments.allow_expired,
            lost_names="refuse",
            bad_pair="refuse_all",
        )
        store = CertStore(files, tls, names=names)
    except CertificatesRefused as refused:
        _print_findings(refused.findings)
        terminal.error("refused: these files would not be served")
        return 1
    _print_findings(store.last_result.findings)
    if not arguments.quiet:
        terminal.say(f"good: {store.current.pairs[0].facts}")
    return 0


def _check_configured(arguments: argparse.Namespace) -> int:
    given = [name for name in _BY_HAND if getattr(arguments, name)]
    if given:
        option = given[0].replace("_", "-")
        raise X509Error(
            f"--{option} cannot be combined with --config, which has this setting; omit one of them"
        )
    try:
        config = load_config(arguments.config)
    except ConfigErrors as errors:
        raise X509Error(str(errors)) from errors
    good = True
    for listener in config.tls_listeners:
        try:
            store = CertStore(listener, config.tls)
        except CertificatesRefused as refused:
            _print_findings(refused.findings)
            terminal.error(f"refused: listener {listener.address} would not serve these files")
            good = False
            continue
        _print_findings(store.last_result.findings)
        if not arguments.quiet:
            for pair in store.current.pairs:
                terminal.say(f"good: {listener.address}: {pair.facts}")
    return 0 if good else 1


def _print_findings(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        terminal.error(f"{finding.level}: {finding}")
