"""Asks on the terminal for what the flags did not say, and only for what is needed."""

import getpass
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.ami.privilege import parse_classes
from amiproxy.config import Unfit
from amiproxy.config.additions import Addition
from amiproxy.config.address import host_and_port
from amiproxy.tools.setup import pairs
from amiproxy.tools.setup.facts import Facts
from amiproxy.tools.setup.texts import LINK_USER
from amiproxy.tools.setup.wishes import AsteriskAddress, PairFiles, Wishes
from amiproxy.x509.errors import BadName
from amiproxy.x509.names import parse_name

_MANAGER_CONF: Final = Path("/etc/asterisk/manager.conf")
_PRIVATE: Final = "private"

T = TypeVar("T")


def complete(facts: Facts, wishes: Wishes, *, no_user: bool) -> Wishes:
    """The wishes with the answers of the operator.  Raises KeyboardInterrupt at Ctrl-C and end of input."""
    wishes = _certificate(facts, wishes)
    if not facts.accepted:
        wishes = _asterisk(facts, wishes)
    if not facts.user_names and wishes.user is None and not no_user:
        name = _ask("First user's name (empty for none)", "", _user_name)
        if name:
            read = _ask("  Events that it sees, as classes", "call", _classes)
            write = _ask("  Actions that it may run, as classes (empty for none)", "", _classes)
            wishes = replace(wishes, user=Addition(name, read, write))
    return wishes


def agree(question: str) -> bool:
    """Whether the operator says yes; anything else is no."""
    return _read(f"{question} [y/N] ").lower() in ("y", "yes")


def pair_of(certificate: Path, key: Path | None) -> PairFiles:
    """The files of a certificate, which may be named by certbot's folder.  Raises Unfit."""
    certificate = certificate.absolute()
    if certificate.is_dir():
        return PairFiles(certificate / "fullchain.pem", key or certificate / "privkey.pem")
    if key is None:
        raise Unfit(f"{certificate} is not a folder, so its key must be named too", "give --key FILE")
    return PairFiles(certificate, key.absolute())


def asterisk_address(text: str) -> AsteriskAddress:
    """The address in ``HOST:PORT``, where an IPv6 address is in brackets.  Raises Unfit."""
    return AsteriskAddress(*host_and_port(text, "127.0.0.1:5038"))


def _certificate(facts: Facts, wishes: Wishes) -> Wishes:
    if not pairs.needs_host(facts, wishes):
        return wishes
    if not wishes.hosts:
        wishes = replace(wishes, hosts=(_ask("Host name that clients connect to", socket.getfqdn(), _host),))
    print("Certificate: issued here by a private CA, or the path of one that you have,")
    given = _ask(f"  such as /etc/letsencrypt/live/{wishes.hosts[0]}", _PRIVATE, _path)
    if given is None:
        return wishes
    key = None
    if not given.is_dir():
        key = _ask("  Path of its key", "", _file)
    return replace(wishes, pair=pair_of(given, key))


def _asterisk(facts: Facts, wishes: Wishes) -> Wishes:
    if wishes.manager_conf is None and _MANAGER_CONF.exists():
        print("Asterisk's file to add the proxy's account to, after showing it (- for none)")
        conf = _ask("  Path", str(_MANAGER_CONF), _conf)
        wishes = replace(wishes, manager_conf=conf)
    if facts.proxy_is_edited:
        return wishes
    if wishes.asterisk is None and wishes.manager_conf is None:
        asked = _ask("Asterisk's manager listens at", str(AsteriskAddress()), asterisk_address)
        wishes = replace(wishes, asterisk=asked)
    if wishes.username is None:
        wishes = replace(wishes, username=_ask("The proxy's account in Asterisk", LINK_USER, str))
    if wishes.manager_conf is None and not facts.secret.exists and wishes.secret is None:
        secret = _hidden("  Its secret, if it exists already (empty for a new one): ")
        wishes = replace(wishes, secret=secret or None)
    return wishes


def _ask(question: str, default: str, parse: Callable[[str], T]) -> T:
    """Ask until ``parse`` accepts the answer; it raises Unfit for a wrong one."""
    shown = f" [{default}]" if default else ""
    while True:
        answer = _read(f"{question}{shown}: ") or default
        try:
            return parse(answer)
        except Unfit as error:
            print(f"  {error}; {error.remedy}" if error.remedy else f"  {error}")


def _read(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        raise KeyboardInterrupt from None


def _hidden(prompt: str) -> bytes:
    try:
        return getpass.getpass(prompt).encode(errors="surrogateescape")
    except EOFError:
        raise KeyboardInterrupt from None


def _host(text: str) -> str:
    try:
        parse_name(text)
    except BadName as error:
        raise Unfit(str(error), "write a host name or an IP address") from None
    return text


def _path(text: str) -> Path | None:
    if text == _PRIVATE:
        return None
    path = Path(text).expanduser()
    if not path.exists():
        raise Unfit(f"{path} does not exist", f"write the path of a certificate, or {_PRIVATE}")
    return path


def _file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise Unfit(f"{text or 'nothing'} is not a file", "write the path of the key")
    return path


def _conf(text: str) -> Path | None:
    if text == "-":
        return None
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise Unfit(f"{path} is not a file", "write the path of manager.conf, or -")
    return path


def _user_name(text: str) -> str:
    if any(not character.isprintable() for character in text):
        raise Unfit("a name has printable characters only", "write another one")
    return text


def _classes(text: str) -> str:
    try:
        parse_classes(text)
    except UnknownPrivilege as error:
        raise Unfit(str(error), "write names such as call,agent") from None
    return text
