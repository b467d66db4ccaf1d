"""The verbs of ``ami-proxy certs`` that make and revoke certificates: init, issue, renew, csr, revoke."""

import argparse
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from amiproxy.cli.certs.verbs import Commands, add_verb
from amiproxy.counted import count
from amiproxy.tools import terminal
from amiproxy.x509.errors import X509Error
from amiproxy.x509.issuing.authority import CA_DAYS, CaFiles, create_ca
from amiproxy.x509.issuing.building import MAX_DAYS
from amiproxy.x509.issuing.issue import LEAF_DAYS, KeyPairFiles, Kind, issue, renew, request, sign_request
from amiproxy.x509.issuing.revoke import CRL_DAYS, revoke
from amiproxy.x509.pem import load_certificates
from amiproxy.x509.snapshot import read_file

_RENEW_WITHIN = 30


def register(verbs: Commands) -> None:
    """Add the verbs."""
    for add in (_add_init, _add_issue, _add_renew, _add_csr, _add_revoke):
        add(verbs)


def _add_init(verbs: Commands) -> None:
    parser = add_verb(verbs, "init", "make a private CA", _init)
    parser.add_argument("directory", type=Path, help="a new directory for ca.crt and ca.key, mode 0700")
    parser.add_argument("--name", default="ami-proxy private CA", help="the CA's common name")
    _add_days(parser, CA_DAYS)
    _add_key_kind(parser)


def _add_issue(verbs: Commands) -> None:
    parser = add_verb(verbs, "issue", "issue a certificate from the private CA", _issue)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="host name, IP address, URI or email address, or with its type: dns:… ip:… uri:… email:…",
    )
    _add_ca(parser)
    uses = parser.add_mutually_exclusive_group()
    uses.add_argument(
        "--client",
        dest="kind",
        action="store_const",
        const="client",
        default="server",
        help="for a client (default: for a server)",
    )
    uses.add_argument(
        "--peer",
        dest="kind",
        action="store_const",
        const="peer",
        help="for a server that is also a client of servers like it, as the nats-servers of a fleet are",
    )
    parser.add_argument(
        "--csr", type=Path, metavar="FILE", help="sign this request instead of making a new key"
    )
    _add_out(parser)
    _add_days(parser, LEAF_DAYS)
    _add_key_kind(parser)


def _add_renew(verbs: Commands) -> None:
    parser = add_verb(
        verbs, "renew", "replace a pair with a new key and certificate for the same names", _renew
    )
    parser.add_argument("chain", type=Path)
    parser.add_argument("key", type=Path)
    _add_ca(parser)
    parser.add_argument(
        "--within",
        type=partial(_days, least=0),
        metavar="DAYS",
        help=f"renew only if at most DAYS are left, otherwise do nothing (for timers; try {_RENEW_WITHIN})",
    )
    _add_days(parser, LEAF_DAYS)


def _add_csr(verbs: Commands) -> None:
    parser = add_verb(verbs, "csr", "make a key and a signing request for another CA", _csr)
    parser.add_argument("names", nargs="+", metavar="NAME", help="as for issue")
    _add_out(parser)
    _add_key_kind(parser)


def _add_revoke(verbs: Commands) -> None:
    parser = add_verb(
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


def _init(arguments: argparse.Namespace) -> int:
    ca = create_ca(arguments.directory, arguments.name, arguments.days, key_kind=arguments.key_kind)
    terminal.say(f"CA certificate (install it in trust stores):         {ca.certificate}")
    terminal.say(f"CA private key (keep it secret, back it up offline): {ca.key}")
    return 0


def _issue(arguments: argparse.Namespace) -> int:
    ca = CaFiles.within(arguments.ca)
    kind: Kind = arguments.kind
    if arguments.csr is not None:
        if arguments.names:
            raise X509Error("the names come from the request; omit NAME with --csr")
        chain = arguments.out / f"{arguments.file_name or arguments.csr.stem}.crt"
        _refuse_existing(chain, replace=arguments.replace)
        sign_request(ca, arguments.csr, chain, kind, arguments.days)
        terminal.say(f"certificate: {chain}")
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
    terminal.say(f"certificate: {files.chain}\nprivate key: {files.key}")
    return 0


def _renew(arguments: argparse.Namespace) -> int:
    files = KeyPairFiles(arguments.chain, arguments.key)
    if arguments.within is not None:
        end = _leaf_end(files.chain)
        if end - datetime.now(UTC) > timedelta(days=arguments.within):
            terminal.say(f"{files.chain} is valid until {end:%Y-%m-%d}: renewal is not due")
            return 0
    renew(CaFiles.within(arguments.ca), files, arguments.days)
    terminal.say(
        f"{files.chain} is valid until {_leaf_end(files.chain):%Y-%m-%d}: renewed, new key in {files.key}"
    )
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
    terminal.say(f"request for the CA: {files.request}\nprivate key:        {files.key}")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    crl = arguments.crl or arguments.ca / "ca.crl"
    revoked = revoke(CaFiles.within(arguments.ca), arguments.certificates, crl, arguments.days)
    terminal.say(f"{crl}: {revoked} revoked, valid for {count(arguments.days, 'day')}")
    return 0


def _leaf_end(chain: Path) -> datetime:
    return load_certificates(read_file(chain).data, str(chain))[0].not_valid_after_utc


def _refuse_existing(path: Path, *, replace: bool) -> None:
    if path.exists() and not replace:
        raise X509Error(f"{path} exists; use --replace to overwrite it")


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
    parser.add_argument("--days", type=_days, default=default, help=f"days of validity (default: {default})")


def _days(text: str, least: int = 1) -> int:
    if not re.fullmatch(r"[0-9]{1,8}", text) or not least <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days: give {least} to {MAX_DAYS}")
    return int(text)


def _add_key_kind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key-kind", choices=("ecdsa", "rsa"), default="ecdsa", help="ECDSA P-256 (default) or RSA 3072"
    )
