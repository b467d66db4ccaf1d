"""Which server, which user and which secret the arguments and the profile give."""

import argparse
import os
from pathlib import Path
from typing import NamedTuple

from amiproxy.config.address import host_and_port
from amiproxy.core.model.errors import Unfit
from amiproxy.tools.shell.live.connection import Account
from amiproxy.tools.shell.live.session import Server
from amiproxy.tools.shell.profiles import PORT, Profile, Profiles, load_profiles, profiles_path
from amiproxy.tools.shell.secrets import SecretSource
from amiproxy.tools.tlsclient import Destination, client_context

_EXAMPLE = """\
profiles:
  office:
    host: pbx.example.org
    ca: ca.crt
    user: wallboard"""


class Target(NamedTuple):
    """Where to connect, as whom, and where the secret comes from."""

    server: Server
    user: str
    secret: SecretSource
    events: bool
    """Whether events are to be shown from the start."""


def profiles() -> Profiles:
    """The user's profiles.  Raises ConfigErrors."""
    return load_profiles(profiles_path(os.environ, Path.home()), os.environ)


def target(arguments: argparse.Namespace, known: Profiles) -> Target:
    """Merge the arguments over the profile that they name, or the default one if they give no address.

    Raises Unfit, and ConnectError for plain text to another machine.
    """
    name = arguments.profile or ("" if arguments.to else known.default)
    profile = _profile(name, known) if name else None
    if profile is None and not arguments.to:
        raise Unfit("no server is named", "give --to HOST:PORT, or --profile NAME")
    host, port = (profile.host, profile.port) if profile else ("", 0)
    if arguments.to:
        host, port = host_and_port(arguments.to, f"pbx.example.org:{PORT}", PORT)
    profile = profile or Profile(host=host)
    user = arguments.user or profile.user
    if not user:
        raise Unfit("no user is named", "give --user NAME, or user: in the profile")
    certificate = arguments.certificate or profile.certificate
    key = arguments.key or (None if arguments.certificate else profile.key)
    if key is not None and certificate is None:
        raise Unfit("--key needs a certificate", "give --certificate")
    plain = arguments.plain or profile.plain
    destination = Destination(
        host, port, arguments.server_name or profile.server_name, arguments.ca or profile.ca, certificate, key
    )
    secret = _secret(arguments, profile, user, destination)
    return Target(Server(destination, plain), user, secret, arguments.events or profile.events)


def account_of(found: Target) -> Account:
    """Get the secret.  Raises Unfit, ConnectError for files that cannot be used, or EOFError."""
    if not found.server.plain:
        # Say that a file is wrong before asking for the secret.
        client_context(found.server.destination)
    return Account(found.server, found.user, found.secret.read())


def _profile(name: str, known: Profiles) -> Profile:
    found = known.profiles.get(name)
    if found is None:
        path = profiles_path(os.environ, Path.home())
        have = ", ".join(sorted(known.profiles))
        remedy = f"it has: {have}" if have else f"write into it:\n{_EXAMPLE}"
        raise Unfit(f"{path} has no profile {name!r}", remedy)
    return found


def _secret(arguments: argparse.Namespace, profile: Profile, user: str, there: Destination) -> SecretSource:
    if arguments.secret_file is not None:
        return SecretSource(file=arguments.secret_file)
    if not arguments.ask_secret:
        if profile.secret_file is not None:
            return SecretSource(file=profile.secret_file)
        if profile.secret_command:
            return SecretSource(command=profile.secret_command)
        if there.chain is not None:
            return SecretSource()
    return SecretSource(prompt=f"Secret of {user} at {there}: ")
