"""``ami-proxy certs inspect``: what is in certificate and CRL files."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from amiproxy.cli.certs.report import describe_certificate, describe_revocation_list
from amiproxy.cli.certs.verbs import Commands, add_verb
from amiproxy.x509.facts import facts_of
from amiproxy.x509.pem import load_certificates, load_revocation_lists
from amiproxy.x509.snapshot import read_file


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_verb(verbs, "inspect", "show the contents of certificate and CRL files", _inspect)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")


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
