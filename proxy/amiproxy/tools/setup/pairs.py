"""The steps for the certificate, its key and their renewal."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.core.model.errors import Unfit
from amiproxy.tools.setup.facts import HOOKS, TIMER, Facts
from amiproxy.tools.setup.steps import Access, IssueCertificate, Link, MakeCa, Run, Step, WriteFile
from amiproxy.tools.setup.wishes import SYSTEM, Wishes
from amiproxy.x509.errors import BadName
from amiproxy.x509.names import format_name, lost_names, parse_name

_CA_NAME: Final = "ami-proxy private CA"
_LINEAGE: Final = "AMI_PROXY_LINEAGE"
#: A certificate of certbot's, such as /etc/letsencrypt/live/pbx.example.org/fullchain.pem.
_LIVE: Final = re.compile(r".*/live/([A-Za-z0-9._*-]+)/[^/]+")

#: A text for the operator, and what to do.
Note = tuple[str, str]


class Renewal(NamedTuple):
    """A command, and in what way the operator has to run it."""

    text: str
    command: tuple[str, ...]


def needs_host(facts: Facts, wishes: Wishes) -> bool:
    """Whether a certificate must be issued, for names that the operator has to give."""
    return wishes.pair is None and not (facts.chain.exists and facts.key.exists)


def steps(facts: Facts, wishes: Wishes, chain_access: Access, key_access: Access) -> Iterator[Step]:
    """Create what is missing of the certificate and its key.

    Raises Unfit where only the operator can decide.
    """
    chain, key = facts.chain, facts.key
    if chain.exists and key.exists:
        return
    if chain.exists:
        raise Unfit(
            f"{key.path} is missing, the key of {chain.path}", "restore it, or remove the certificate too"
        )
    if facts.given is not None:
        yield from _copied(facts, chain_access, key_access)
        return
    if key.exists and facts.request.exists:
        text = f"{key.path} waits for the certificate that {facts.request.path} requests"
        raise Unfit(text, f"install it as {chain.path}, or remove key and request")
    if not wishes.hosts:
        raise Unfit("the certificate needs the name that clients connect to", "give it with --host")
    _refuse_bad_names(wishes.hosts)
    folder = facts.ca_certificate.path.parent
    if facts.ca_certificate.exists != facts.ca_key.exists:
        here, gone = facts.ca_certificate, facts.ca_key
        if not here.exists:
            here, gone = gone, here
        text = f"{gone.path} is missing, but {here.path} is there"
        raise Unfit(
            text, "restore it, bring a certificate with --certificate and --key, or move the folder away"
        )
    if not facts.ca_key.exists:
        yield MakeCa(folder, _CA_NAME)
    yield IssueCertificate(folder, wishes.hosts, chain.path, key.path, chain_access, key_access)


def notes(facts: Facts, wishes: Wishes) -> Iterator[Note]:
    """What the operator should know about the certificate that is there, or is copied."""
    if facts.given is not None and facts.chain.exists and facts.chain.content != facts.given[0].content:
        text = f"{facts.chain.path} is kept: it is another certificate than {facts.given[0].path}"
        yield text, f"to replace it: {HOOKS}/install-pair {facts.given[0].path} {facts.given[1].path}"
    if facts.certified and wishes.hosts:
        _refuse_bad_names(wishes.hosts)
        wanted = [format_name(parse_name(host)) for host in wishes.hosts]
        for name in lost_names(wanted, facts.certified):
            text = f"the certificate does not cover {name}: clients that connect to it will refuse it"
            yield text, "get one that covers it, or let clients connect to a name that it covers"
    if facts.given is not None and not list(renewal(facts)) and not _is_hooked(facts):
        chain, key = facts.given
        text = f"{chain.path} was copied: after each renewal the new one must be installed"
        yield text, f"let the program that renews it run: {HOOKS}/install-pair {chain.path} {key.path}"


def renewal(facts: Facts) -> Iterator[Step]:
    """Have certbot install each renewal of its certificate, if it and the package's hook are there."""
    lineage, hook, defaults = _lineage(facts), facts.certbot_hooks, facts.hook_defaults
    if not lineage or facts.hook is None or hook is None or defaults is None or not facts.is_root:
        return
    if facts.chain.path != SYSTEM / "certs/server.crt" or not facts.certbot:
        return
    line = f"{_LINEAGE}={lineage}\n".encode()
    before = defaults.content
    if before is None:
        yield WriteFile(
            defaults.path, line, Access("root", "root", 0o644), f"names {lineage} for certbot's hook"
        )
    elif not re.search(rb"^AMI_PROXY_LINEAGE=", before, re.MULTILINE):
        kept = before if before.endswith(b"\n") or not before else before + b"\n"
        summary = f"names {lineage} for certbot's hook"
        yield WriteFile(
            defaults.path, kept + line, Access("root", "root", 0o644), summary, before, f"+{line.decode()}"
        )
    if not hook.exists:
        yield Link(hook.path, facts.hook, "certbot then installs each renewal")


def timer(facts: Facts, wishes: Wishes) -> Run | None:
    """Start the timer that renews a certificate of the private CA; None if it is not there or not needed."""
    if not _has_timer(facts, wishes) or not wishes.start or (facts.timer.active and facts.timer.enabled):
        return None
    command = ("systemctl", "enable", "--now", TIMER)
    return Run(command, "renew the certificate in time", f"look at: systemctl status {TIMER}")


def left_to_renew(facts: Facts, wishes: Wishes) -> Renewal | None:
    """What the operator has to do so that a certificate of the private CA is renewed; None if nothing."""
    if not _is_renewed_here(facts, wishes):
        return None
    if _has_timer(facts, wishes):
        if wishes.start or (facts.timer.active and facts.timer.enabled):
            return None
        text = "The timer that renews the certificate in time was not started. To start it:"
        return Renewal(text, ("systemctl", "enable", "--now", TIMER))
    renew = ("ami-proxy", "certs", "renew", "--ca", str(facts.ca_certificate.path.parent), "--within", "30")
    text = "Run this daily, such as from cron, to renew the certificate in time:"
    return Renewal(text, (*renew, str(facts.chain.path), str(facts.key.path)))


def _is_renewed_here(facts: Facts, wishes: Wishes) -> bool:
    """Whether the private CA issues the certificate; its key may have been moved to another machine."""
    return needs_host(facts, wishes) or (facts.is_private and facts.ca_key.exists)


def _has_timer(facts: Facts, wishes: Wishes) -> bool:
    """Whether the package's timer renews this certificate: it knows only the files in ``SYSTEM``."""
    return (
        _is_renewed_here(facts, wishes)
        and facts.timer.exists
        and facts.ca_certificate.path == SYSTEM / "ca/ca.crt"
        and (facts.chain.path, facts.key.path) == (SYSTEM / "certs/server.crt", SYSTEM / "certs/server.key")
    )


def _is_hooked(facts: Facts) -> bool:
    """Whether certbot runs the hook for this certificate already."""
    lineage, defaults = _lineage(facts), facts.hook_defaults
    if not lineage or facts.certbot_hooks is None or not facts.certbot_hooks.exists or defaults is None:
        return False
    return f"{_LINEAGE}={lineage}\n" in (defaults.content or b"").decode(errors="replace") + "\n"


def _copied(facts: Facts, chain_access: Access, key_access: Access) -> Iterator[Step]:
    assert facts.given is not None
    chain, key = facts.given
    assert chain.content is not None
    assert key.content is not None
    # Key first: a reader that sees the new certificate then finds the matching key.
    if not facts.key.exists:
        yield WriteFile(facts.key.path, key.content, key_access, f"a copy of {key.path}")
    elif facts.key.content != key.content:
        text = f"{facts.key.path} is another key than {key.path}"
        raise Unfit(text, "move it away if it is not needed")
    yield WriteFile(facts.chain.path, chain.content, chain_access, f"a copy of {chain.path}")


def _lineage(facts: Facts) -> str:
    match = _LIVE.fullmatch(str(facts.given[0].path)) if facts.given is not None else None
    return match[1] if match is not None else ""


def _refuse_bad_names(hosts: tuple[str, ...]) -> None:
    for host in hosts:
        try:
            parse_name(host)
        except BadName as error:
            raise Unfit(f"--host {host}: {error}", "write a host name or an IP address") from None


def private_ca(facts: Facts, wishes: Wishes) -> Path | None:
    """The CA certificate that clients need, if the private CA issued the server's, or is going to."""
    return facts.ca_certificate.path if facts.is_private or needs_host(facts, wishes) else None
