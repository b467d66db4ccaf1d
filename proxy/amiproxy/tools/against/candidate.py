"""The files on disk in the form in which the running service is described."""

import grp
import os
import pwd
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from amiproxy import __version__
from amiproxy.config import Config, Loaded, Unfit, read_secret, users_files
from amiproxy.config.fleet.files import read_seed, read_token_keys, secrets_by_key
from amiproxy.config.plain import fingerprints, plain, plain_user
from amiproxy.net.admin.control.certificateviews import certificates_of
from amiproxy.net.admin.control.effective import (
    fingerprint_of_secret,
    fingerprints_of_files,
    interpreter,
)
from amiproxy.net.certs.certstore import CertStore
from amiproxy.tools.against.state import Account, Running, State


def candidate(loaded: Loaded, stores: Sequence[CertStore], key: bytes) -> State:
    """What the files say, with fingerprints under ``key``; ``stores`` hold the certificates on disk.

    Raises Unfit, which names the key, if a secret cannot be read.
    """
    config, users, _ = loaded
    fingerprint = fingerprints(key)
    return State(
        interpreter=interpreter(),
        config=plain(config),
        users={name: plain_user(entry, fingerprint) for name, entry in users.users.items()},
        certificates=[
            certificates_of(str(listener.address), store)
            for listener, store in zip(config.tls_listeners, stores, strict=True)
        ],
        upstream_secrets={
            name: fingerprint_of_secret(_secret(config, name), fingerprint) for name in config.every_server
        },
        fleet_secrets={
            key: fingerprint_of_secret(secret, fingerprint) for key, secret in _fleet_secrets(config).items()
        },
        files=[fingerprints_of_files(store, fingerprint) for store in stores],
    )


def _fleet_secrets(config: Config) -> dict[str, bytes]:
    if config.fleet is None:
        return {}
    try:
        seed = read_seed(config.fleet.seed_file)
        return secrets_by_key(seed, read_token_keys(config.fleet.token_key_file))
    except Unfit as error:  # They were there when the configuration was loaded.
        raise Unfit(f"fleet: {error}", error.remedy) from None


def _secret(config: Config, server: str) -> bytes:
    try:
        return read_secret(config.every_server[server].secret_file)
    except Unfit as error:
        section = "upstream" if config.upstream is not None else f"servers.{server}"
        raise Unfit(f"{section}.secret_file: {error}", error.remedy) from None


def unreadable_by(service: Running, config: Config, path: Path) -> list[str]:
    """One line for each file of the configuration at ``path`` that the service's account cannot read.

    Files beside another proxy.yaml than the service's are left out: they will lie elsewhere when they are
    used.  Nothing is found if the service has tried the files itself, or does not tell its account.
    """
    if service.account is None or service.path is None or service.has_tried(path, __version__):
        return []
    elsewhere = path.resolve().parent != Path(service.path).resolve().parent
    files = (file for file in files_of(config) if not (elsewhere and file.is_relative_to(path.parent)))
    return unreadable(files, service.account)


def files_of(config: Config) -> Iterator[Path]:
    """All files that a configuration names and the service reads.  Raises ConfigErrors."""
    yield from users_files(config)
    for server in config.every_server.values():
        yield server.secret_file
        if server.tls is not None:
            yield from filter(None, (server.tls.ca, server.tls.chain, server.tls.key))
    yield from config.actions_from
    if config.fleet is not None:
        yield from (config.fleet.ca, config.fleet.seed_file, config.fleet.token_key_file)
    for listener in config.listeners:
        for pair in listener.certificates:
            yield pair.chain
            yield pair.key
        yield from filter(None, (listener.client_ca, listener.client_crl))


def unreadable(files: Iterable[Path], account: Account) -> list[str]:
    """One line for each file that the service's account cannot read, as far as this process can find out.

    Only root can: it opens the files with the rights of the account.  Call it while no other thread runs.
    """
    if os.geteuid() != 0 or account.uid == 0:
        return []
    kept_out: list[Path] = []
    with _acting_as(account):
        for file in dict.fromkeys(files):
            try:
                os.close(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
            except PermissionError:
                kept_out.append(file)
            except OSError:
                continue  # reading it as root has reported that
    user, group = _name_of_user(account.uid), _name_of_group(account.gid)
    return [
        f"{file}: the service's user {user} cannot read it; "
        f"chgrp {group} {file} && chmod g+r {file}, and give the group access to its folder"
        for file in kept_out
    ]


@contextmanager
def _acting_as(account: Account) -> Iterator[None]:
    groups, gid = os.getgroups(), os.getegid()
    os.setgroups(account.groups)
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def _name_of_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _name_of_group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
