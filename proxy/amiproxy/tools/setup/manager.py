"""Asterisk's manager.conf: what it says about the link, and its text with the account added.

The text is parsed as Asterisk parses it, with the files that it includes.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.ami.values import ast_true
from amiproxy.core.model.errors import Unfit
from amiproxy.tools.importers.asteriskconf import Configuration, Files, Section, Setting, parse
from amiproxy.tools.setup import texts
from amiproxy.tools.setup.wishes import ASTERISKS_PORT

_OWN_NAME: Final = "ami-proxy.conf"
_HEADER: Final = "[general]\n"
_BYTE_ORDER_MARK: Final = "\ufeff"
#: ``#include "manager.d/*.conf"``: a folder to which a file can be added.
_INCLUDE: Final = re.compile(r'^\s*#(?:try)?include\s+["<]?([^"<>\s;]*/)?\*\.conf[">]?\s*(?:;.*)?$')


@dataclass(frozen=True)
class ManagerConf:
    """The file and what it includes."""

    path: Path
    text: str = field(repr=False)
    files: Files = field(repr=False)
    #: Whether a file exists.
    exists: Callable[[Path], bool] = Path.exists

    def parsed(self, text: str | None = None, added: tuple[Path, str] | None = None) -> Configuration:
        """The configuration, or what it would be with another ``text`` or one more file.  Raises Unfit."""

        def files(name: str) -> Sequence[tuple[str, str]]:
            found = list(self.files(name))
            if added is not None and Path(self._resolved(name)) == added[0].parent / "*.conf":
                found.append((str(added[0]), added[1]))
            return found

        return parse(str(self.path), self.text if text is None else text, files)

    def _resolved(self, name: str) -> Path:
        return self.path.parent / name

    def account(self, username: str) -> Section | None:
        """The section of a manager user; the last one counts if there are several.  Raises Unfit."""
        found = [one for one in self.parsed().sections if one.name == username]
        return found[-1] if found else None

    def general(self) -> dict[str, Setting]:
        """The last setting of each name in [general], by the name in lower case.  Raises Unfit."""
        sections = [one for one in self.parsed().sections if one.name == "general"]
        return {setting.name.lower(): setting for one in sections for setting in one.settings}

    def port(self) -> int:
        """The port that the manager listens on.  Raises Unfit."""
        setting = self.general().get("port")
        if setting is None or not setting.value.isascii() or not setting.value.isdigit():
            return ASTERISKS_PORT
        return int(setting.value)

    def is_enabled(self) -> bool:
        """Whether the manager is enabled.  Raises Unfit."""
        enabled = self.general().get("enabled")
        return enabled is not None and ast_true(enabled.value)


class Change(NamedTuple):
    """A file with its new text; ``before`` is None for a file that does not exist yet."""

    path: Path
    before: str | None
    text: str
    summary: str


def secret_of(account: Section) -> bytes:
    """The secret of a manager user; empty if it has none."""
    given = [setting.value for setting in account.settings if setting.name.lower() == "secret"]
    return given[-1].encode("utf-8", "surrogateescape") if given else b""


def changes(conf: ManagerConf, username: str, secret: str, host: str) -> list[Change]:
    """The files that must change so that Asterisk accepts the link; none if nothing must.

    The account is added if it is missing: to a new file if manager.conf includes all files of a folder,
    otherwise to the end of manager.conf.  A manager that is disabled is enabled, on loopback: no
    client depends on its address yet.  Raises Unfit if that cannot be written so that Asterisk reads it as
    meant.
    """
    text, added, done = conf.text, None, []
    general = conf.general()
    if not conf.is_enabled():
        text = _with_general(conf, text, "enabled", "yes")
        bound = general.get("bindaddr")
        if bound is None or not is_loopback(bound.value):
            text = _with_general(conf, text, "bindaddr", "127.0.0.1")
        done.append("enables the manager, on loopback")
    if conf.account(username) is None:
        account = texts.section(username, secret, host)
        file = _file_to_add(conf, username, account)
        if file is not None:
            added = Change(file, None, account, f"account [{username}]")
        else:
            text = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}\n{account}"
            done.append(f"account [{username}]")
    _verify(conf, text, added, username, secret)
    changed = [Change(conf.path, conf.text, text, "; ".join(done))] if text != conf.text else []
    return changed + ([added] if added is not None else [])


def advice(conf: ManagerConf, port: int) -> Iterator[tuple[str, str]]:
    """What the operator should change, with remedies; ``port`` is that of the link.  Raises Unfit."""
    general = conf.general()
    if conf.port() != port:
        place = general["port"].place if "port" in general else str(conf.path)
        text = f"{place}: Asterisk's manager listens on port {conf.port()}, but the proxy connects to {port}"
        yield text, "set the same port in both, upstream.port in proxy.yaml and port in [general]"
    bound = general.get("bindaddr")
    if conf.is_enabled() and (bound is None or not is_loopback(bound.value)):
        place = bound.place if bound is not None else str(conf.path)
        text = f"{place}: the manager is open to other machines, which can bypass the proxy in plain text"
        yield text, "set bindaddr = 127.0.0.1 in [general] once all clients have moved, and restart Asterisk"
    for key, name in (("webenabled", "over HTTP"), ("tlsenable", "on a TLS port of its own")):
        if (found := general.get(key)) is not None and ast_true(found.value):
            text = f"{found.place}: the manager is also open {name}, which bypasses the proxy"
            yield text, f"set {key} = no once all clients have moved"


def is_loopback(address: str) -> bool:
    """Whether a bindaddr, with or without a port, can be reached from this machine only."""
    bare = address.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def _file_to_add(conf: ManagerConf, username: str, account: str) -> Path | None:
    """A new file that manager.conf includes, because it includes all files of a folder; None without one."""
    for line in conf.text.splitlines():
        match = _INCLUDE.match(line)
        folder = conf.path.parent / (match[1] or "") if match is not None else conf.path.parent
        # Its own folder would include manager.conf itself.
        if folder == conf.path.parent or not conf.exists(folder) or conf.exists(folder / _OWN_NAME):
            continue
        # The line may be in a block comment.
        sections = conf.parsed(added=(folder / _OWN_NAME, account)).sections
        if any(one.name == username for one in sections):
            return folder / _OWN_NAME
    return None


def _with_general(conf: ManagerConf, text: str, key: str, value: str) -> str:
    """The text with a setting of [general] replaced or added."""
    lines = text.split("\n")
    present = conf.general().get(key)
    if present is not None:
        path, _, line_number = present.place.rpartition(":")
        if path != str(conf.path):
            remedy = f"set {key} = {value} there, and run this again"
            raise Unfit(f"{present.place}: {key} is {present.value} in an included file", remedy)
        # Earlier changes may have added a line above.
        at = int(line_number) - 1 + len(lines) - len(conf.text.split("\n"))
        lines[at] = f"{key} = {value}"
        return "\n".join(lines)
    sections = [one for one in conf.parsed().sections if one.name == "general"]
    if not sections:
        mark, bare = text[: text.startswith(_BYTE_ORDER_MARK)], text.removeprefix(_BYTE_ORDER_MARK)
        bare = bare.removeprefix(_HEADER) if bare.startswith(_HEADER) else f"\n{bare}"
        return f"{mark}{_HEADER}{key} = {value}\n{bare}"
    path, _, line_number = sections[0].place.rpartition(":")
    if path != str(conf.path):
        raise Unfit(f"{sections[0].place}: [general] is in an included file", f"set {key} = {value} there")
    lines.insert(int(line_number), f"{key} = {value}")
    return "\n".join(lines)


def _verify(conf: ManagerConf, text: str, added: Change | None, username: str, secret: str) -> None:
    """Raise Unfit unless the result means what it should, and the same as before for all others."""
    remedy = "add the account by hand, as the guide says (Prepare Asterisk)"
    try:
        after = conf.parsed(text, (added.path, added.text) if added is not None else None)
    except Unfit as error:
        raise Unfit(f"{conf.path} cannot be changed: {error}", remedy) from None
    account = [one for one in after.sections if one.name == username]
    before = [_meaning(one) for one in conf.parsed().sections if one.name not in ("general", username)]
    others = [_meaning(one) for one in after.sections if one.name not in ("general", username)]
    enabled = [
        setting.value
        for one in after.sections
        if one.name == "general"
        for setting in one.settings
        if setting.name.lower() == "enabled"
    ]
    if (
        not account
        or (
            conf.account(username) is None
            and secret_of(account[-1]) != secret.encode("utf-8", "surrogateescape")
        )
        or before != others
        or not enabled
        or not ast_true(enabled[-1])
    ):
        raise Unfit(f"{conf.path} has a layout that this cannot change safely", remedy)


def _meaning(section: Section) -> tuple[str, tuple[tuple[str, str], ...]]:
    return section.name, tuple((setting.name, setting.value) for setting in section.settings)
