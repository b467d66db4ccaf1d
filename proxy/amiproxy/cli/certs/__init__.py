"""``ami-proxy certs``: make, inspect and check certificates; only ``status`` needs a running proxy."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from amiproxy.cli import ctl
from amiproxy.cli.certs.report import describe_certificate, describe_revocation_list
from amiproxy.config import ConfigErrors, load_config
from amiproxy.net.certs.certstore import CertificatesRefused, CertStore
from amiproxy.net.tls.tlspolicy import ClientAuth
from amiproxy.x509.errors import X509Error
from amiproxy.x509.facts import facts_of
from amiproxy.x509.issue import (
    CA_DAYS,
    LEAF_DAYS,
    CaFiles,
    KeyPairFiles,
    Kind,
    create_ca,
    issue,
    renew,
    request,
    sign_request,
)
from amiproxy.x509.pem import load_certificates, load_revocation_lists
from amiproxy.x509.revoke import CRL_DAYS, revoke
from amiproxy.x509.snapshot import read_file
from amiproxy.x509.validate import Finding

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_RENEW_WITHIN = 30

_EXAMPLES = """\
examples:
  ami-proxy certs init /etc/ami-proxy/ca
  ami-proxy certs issue --ca /etc/ami-proxy/ca --out /etc/ami-proxy/certs pbx.example.org 192.0.2.10
  ami-proxy certs issue --ca /etc/ami-proxy/ca --client --out . wallboard
  ami-proxy certs check --chain new/fullchain.pem --key new/privkey.pem && install …
"""


_EXAMPLE = {
    "init": "init /etc/ami-proxy/ca",
    "issue": "issue --ca /etc/ami-proxy/ca --out /etc/ami-proxy/certs pbx.example.org 192.0.2.10",
    "renew": "renew --ca /etc/ami-proxy/ca certs/server.crt certs/server.key",
    "csr": "csr --out /etc/ami-proxy/certs pbx.example.org",
    "revoke": "revoke --ca /etc/ami-proxy/ca --crl certs/clients.crl wallboard.crt",
    "inspect": "inspect certs/server.crt",
    "check": "check --chain new/fullchain.pem --key new/privkey.pem",
}


_CHECK_WHICH = """\
Example: ami-proxy certs check --config /etc/ami-proxy/proxy.yaml

With --config, all settings of proxy.yaml apply: tls:, names: and those of client certificates.  The
names that the certificates served now cover are not known; for a single pair, --served gives them.
Without --config the check is strict: names must stay covered, and revocation lists must be current."""


class _Pair(NamedTuple):
    chain: Path
    key: Path
    names: tuple[str, ...] = ()


# Options of ``check`` that exclude --config, because the configuration has these settings.
_BY_HAND = ("chain", "key", "name", "served", "client_ca", "client_crl", "policy", "allow_expired")


class _Files(NamedTuple):
    """The files given to ``check``, with the attributes of a listener's configuration."""

    certificates: tuple[_Pair, ...]
    client_auth: ClientAuth
    client_ca: Path | None
    client_crl: Path | None


class _Tls(NamedTuple):
    policy: str
    allow_expired: bool
    minimum_version: None = None
    suites: tuple[str, ...] = ()
    lost_names: Literal["refuse"] = "refuse"
    expired_crl: Literal["refuse"] = "refuse"
    bad_pair: Literal["refuse_all"] = "refuse_all"


def register(commands: _Commands) -> None:
    """Add the command and its verbs."""
    parser = commands.add_parser(
        "certs",
        help="make, inspect and check certificates",
        description="Run a private CA, issue certificates for servers and clients, and check certificate\n"
        "files as a reload does.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in (_add_init, _add_issue, _add_renew, _add_csr, _add_revoke, _add_inspect, _add_check):
        add(verbs)
    ctl.add_certs_status(verbs)


def _add_init(verbs: _Commands) -> None:
    parser = _verb(verbs, "init", "make a private CA", _init)
    parser.add_argument("directory", type=Path, help="a new directory for ca.crt and ca.key, mode 0700")
    parser.add_argument("--name", default="ami-proxy private CA", help="the CA's common name")
    _add_days(parser, CA_DAYS)
    _add_key_kind(parser)


def _add_issue(verbs: _Commands) -> None:
    parser = _verb(verbs, "issue", "issue a certificate from the private CA", _issue)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="host name, IP address, URI or email address, or with its type: dns:… ip:… uri:… email:…",
    )
    _add_ca(parser)
    parser.add_argument("--client", action="store_true", help="for a client (default: for a server)")
    parser.add_argument(
        "--csr", type=Path, metavar="FILE", help="sign this request instead of making a new key"
    )
    _add_out(parser)
    _add_days(parser, LEAF_DAYS)
    _add_key_kind(parser)


def _add_renew(verbs: _Commands) -> None:
    parser = _verb(verbs, "renew", "replace a pair with a new key and certificate for the same names", _renew)
    parser.add_argument("chain", type=Path)
    parser.add_argument("key", type=Path)
    _add_ca(parser)
    parser.add_argument(
        "--within",
        type=int,
        metavar="DAYS",
        help=f"renew only if at most DAYS are left, otherwise do nothing (for timers; try {_RENEW_WITHIN})",
    )
    _add_days(parser, LEAF_DAYS)


def _add_csr(verbs: _Commands) -> None:
    parser = _verb(verbs, "csr", "make a key and a signing request for another CA", _csr)
    parser.add_argument("names", nargs="+", metavar="NAME", help="as for issue")
    _add_out(parser)
    _add_key_kind(parser)


def _add_revoke(verbs: _Commands) -> None:
    parser = _verb(
        verbs, "revoke", "add certificates to the CA's revocation list, or renew its dates", _revoke
    )
    parser.add_argument(
        "certificates", nargs="*", type=Path, metavar="FILE", help="without FILE, only renew the list's dates"
    )
    _add_ca(parser)
    parser.add_argument(
        "--crl", type=Path, metavar="FILE", help="the list (default: ca.crl in the CA's directory)"
    )
    _add_days(parser, CRL_DAYS)


def _add_inspect(verbs: _Commands) -> None:
    parser = _verb(verbs, "inspect", "show the contents of certificate and CRL files", _inspect)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")


def _add_check(verbs: _Commands) -> None:
    parser = _verb(verbs, "check", "check certificate files as a reload does, without serving them", _check)
    parser.epilog = f"{parser.epilog}\n{_CHECK_WHICH}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
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


def _init(arguments: argparse.Namespace) -> int:
    ca = create_ca(arguments.directory, arguments.name, arguments.days, key_kind=arguments.key_kind)
    print(f"CA certificate (install it in trust stores):         {ca.certificate}")
    print(f"CA private key (keep it secret, back it up offline): {ca.key}")
    return 0


def _issue(arguments: argparse.Namespace) -> int:
    ca = CaFiles.within(arguments.ca)
    kind: Kind = "client" if arguments.client else "server"
    if arguments.csr is not None:
        if arguments.names:
            raise X509Error("the names come from the request; omit NAME with --csr")
        chain = arguments.out / f"{arguments.file_name or arguments.csr.stem}.crt"
        _refuse_existing(chain, replace=arguments.replace)
        sign_request(ca, arguments.csr, chain, kind, arguments.days)
        print(f"certificate: {chain}")
        return 0
    files = issue(
        ca,
        arguments.names,
        arguments.out,
        kind,
        arguments.days,
        key_kind=arguments.key_kind,
        file_name=arguments.file_name,
        common_name=arguments.common_name,
        replace=arguments.replace,
    )
    print(f"certificate: {files.chain}\nprivate key: {files.key}")
    return 0


def _renew(arguments: argparse.Namespace) -> int:
    files = KeyPairFiles(arguments.chain, arguments.key)
    if arguments.within is not None:
        end = _leaf_end(files.chain)
        if end - datetime.now(UTC) > timedelta(days=arguments.within):
            print(f"{files.chain} is valid until {end:%Y-%m-%d}: renewal is not due")
            return 0
    renew(CaFiles.within(arguments.ca), files, arguments.days)
    print(f"{files.chain} is valid until {_leaf_end(files.chain):%Y-%m-%d}: renewed, new key in {files.key}")
    return 0


def _csr(arguments: argparse.Namespace) -> int:
    files = request(
        arguments.names,
        arguments.out,
        key_kind=arguments.key_kind,
        file_name=arguments.file_name,
        common_name=arguments.common_name,
        replace=arguments.replace,
    )
    print(f"request for the CA: {files.request}\nprivate key:        {files.key}")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    crl = arguments.crl or arguments.ca / "ca.crl"
    count = revoke(CaFiles.within(arguments.ca), arguments.certificates, crl, arguments.days)
    print(f"{crl}: {count} revoked, valid for {arguments.days} days")
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    for path in arguments.files:
        data = read_file(path).data
        if b"-----BEGIN X509 CRL-----" in data:
            blocks = [describe_revocation_list(crl, now) for crl in load_revocation_lists(data, str(path))]
        else:
            blocks = [describe_certificate(facts_of(one), now) for one in load_certificates(data, str(path))]
        for number, block in enumerate(blocks, 1):
            print(f"{path} ({number} of {len(blocks)})")
            print(block)
    return 0


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
    files = _Files(
        (_Pair(arguments.chain, arguments.key),),
        "required" if arguments.client_ca is not None else "none",
        arguments.client_ca,
        arguments.client_crl,
    )
    try:
        tls = _Tls(arguments.policy or "intermediate", arguments.allow_expired)
        store = CertStore(files, tls, names=names)
    except CertificatesRefused as refused:
        _print_findings(refused.findings)
        print("refused: these files would not be served", file=sys.stderr)
        return 1
    _print_findings(store.last_result.findings)
    if not arguments.quiet:
        print(f"good: {store.current.pairs[0].facts}")
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
    for listener in config.listeners:
        try:
            store = CertStore(listener, config.tls)
        except CertificatesRefused as refused:
            _print_findings(refused.findings)
            print(f"refused: listener {listener.address} would not serve these files", file=sys.stderr)
            good = False
            continue
        _print_findings(store.last_result.findings)
        if not arguments.quiet:
            for pair in store.current.pairs:
                print(f"good: {listener.address}: {pair.facts}")
    return 0 if good else 1


def _print_findings(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        print(f"{finding.level}: {finding}", file=sys.stderr)


def _leaf_end(chain: Path) -> datetime:
    return load_certificates(read_file(chain).data, str(chain))[0].not_valid_after_utc


def _refuse_existing(path: Path, *, replace: bool) -> None:
    if path.exists() and not replace:
        raise X509Error(f"{path} exists; use --replace to overwrite it")


def _verb(
    verbs: _Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    def guarded(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except X509Error as error:
            print(f"error: {error}", file=sys.stderr)
            return 1

    parser = verbs.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"Example: ami-proxy certs {_EXAMPLE[name]}",
    )
    parser.set_defaults(run=guarded)
    return parser


def _add_ca(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ca", type=Path, required=True, metavar="DIR", help="the directory made by init")


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="output directory (default: the current one)"
    )
    parser.add_argument(
        "--file-name", metavar="NAME", help="write NAME.crt and NAME.key (default: the first name)"
    )
    parser.add_argument(
        "--common-name", metavar="TEXT", help="common name of the subject (default: the first name)"
    )
    parser.add_argument("--replace", action="store_true", help="overwrite files that exist")


def _add_days(parser: argparse.ArgumentParser, default: int) -> None:
    parser.add_argument("--days", type=int, default=default, help=f"days of validity (default: {default})")


def _add_key_kind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key-kind", choices=("ecdsa", "rsa"), default="ecdsa", help="ECDSA P-256 (default) or RSA 3072"
    )
