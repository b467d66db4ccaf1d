"""``ami-proxy check``: runs the same validation as ``run`` and a reload, and nothing else."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from amiproxy.cli.configured import add_config_option
from amiproxy.config import (
    Config,
    ConfigErrors,
    ListenerSettings,
    Tls,
    UsersFile,
    load,
    named_users,
    warnings_of,
)
from amiproxy.counted import count
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.x509.validating.findings import Finding, errors_of

_EXAMPLE = """\
examples:
  ami-proxy check && systemctl reload ami-proxy
  ami-proxy check --config proxy.yaml

Each problem is one line on stderr: file:line: key: what is wrong; what to do.
Exit status 0 if the files can be used (warnings are allowed), 1 if not.
The check does not look at a running proxy: only a reload reports changes that need a restart."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="validate the configuration, the users and the certificates",
        description="Validate proxy.yaml, the users.yaml it names, and all certificates and keys.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the problems, or a summary of the configuration if there are none; return the exit status.

    0 if it can be used, 1 otherwise.
    """
    file: Path = arguments.config
    try:
        config, users, outdated = load(file)
    except ConfigErrors as errors:
        for problem in errors.problems:
            print(problem, file=sys.stderr)
        return 1
    findings = list(dict.fromkeys(finding for one in config.listeners for finding in _judge(one, config.tls)))
    wrong = errors_of(findings)
    for finding in wrong:
        print(finding, file=sys.stderr)
    bad_files = [finding for finding in findings if finding.level == "warning"]
    for warning in [*outdated, *warnings_of(config, users), *bad_files]:
        print(f"warning: {warning}", file=sys.stderr)
    if wrong:
        return 1
    print(f"{file}: ok")
    for line in _summary(config, users):
        print(f"  {line}")
    return 0


def _judge(listener: ListenerSettings, tls: Tls) -> tuple[Finding, ...]:
    """The findings of loading a listener's certificate files, as a start does."""
    try:
        return CertStore(listener, tls).last_result.findings
    except CertificatesRefused as refused:
        return refused.findings


def _summary(config: Config, users: UsersFile) -> Iterator[str]:
    upstream = config.upstream
    yield f"upstream   {upstream.host}:{upstream.port} as {upstream.username}"
    for listener in config.listeners:
        yield (
            f"listener   {listener.address}, TLS {config.tls.policy}, "
            f"client certificates {listener.client_auth}, {count(len(listener.certificates), 'certificate')}"
        )
    disabled = sum(entry.disabled for entry in users.users.values())
    yield f"users      {count(len(users.users), 'user')}, {disabled} disabled, from {named_users(config)}"
    for name, entry in users.users.items():
        yield f"  {name}: {'disabled' if entry.disabled else 'enabled'}"
    yield f"control    {config.control.socket if config.control else 'off'}"
    yield f"metrics    {config.metrics.address if config.metrics else 'off'}"
