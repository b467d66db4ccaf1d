"""The options ``--config`` and ``--users``, and what they name: users and actions."""

import argparse
from pathlib import Path
from typing import Final

from amiproxy.ami.actions import SHIPPED, ActionTable
from amiproxy.config import UsersFile, load_config, load_users, users_files
from amiproxy.config.actions import other_actions
from amiproxy.config.loading import server_names
from amiproxy.config.users.servers import ServerNames

#: Where the package puts proxy.yaml, and where its units read it.
DEFAULT_CONFIG: Final = Path("/etc/ami-proxy/proxy.yaml")


def add_config_option(parser: argparse.ArgumentParser, text: str = "proxy.yaml") -> None:
    """Add ``--config FILE``; ``config`` of the arguments is DEFAULT_CONFIG if it is not given.

    A file that does not exist is an error of whatever loads it, which says how to name another.
    """
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=_help(text))


def add_users_options(parser: argparse.ArgumentParser, *, together: str = "") -> None:
    """Add ``--users FILE`` and ``--config FILE``, both None if not given; see ``config_of``.

    They exclude each other unless ``together``, the title of both in the help text: then users come from
    ``--users``, and all else from ``--config``.
    """
    where = parser.add_argument_group(together) if together else parser.add_mutually_exclusive_group()
    where.add_argument(
        "--users", type=Path, metavar="FILE", help="users.yaml (default: the files that proxy.yaml names)"
    )
    where.add_argument("--config", type=Path, metavar="FILE", help=_help("proxy.yaml"))


def config_of(arguments: argparse.Namespace) -> Path:
    """The proxy.yaml that is meant: that of ``--config``, or DEFAULT_CONFIG."""
    config: Path | None = arguments.config
    return DEFAULT_CONFIG if config is None else config


def users_of(arguments: argparse.Namespace) -> UsersFile:
    """The users of ``--users``, or else of the files that proxy.yaml names.  Raises ConfigErrors."""
    if arguments.users is not None:
        return load_users(arguments.users)
    config = load_config(config_of(arguments))
    return load_users(*users_files(config), servers=config.server_names, remote=config.is_agent)


def servers_of(arguments: argparse.Namespace) -> ServerNames | None:
    """The servers that the users of ``users_of`` name; None with ``--users`` alone, which belongs to any."""
    if arguments.config is None and arguments.users is not None:
        return None
    return server_names(config_of(arguments))


def actions_of(arguments: argparse.Namespace) -> ActionTable:
    """Asterisk's actions and those that proxy.yaml describes.  Raises ConfigErrors.

    With ``--users`` and no ``--config``, Asterisk's alone: such a file need not belong to DEFAULT_CONFIG.
    """
    if arguments.config is None and getattr(arguments, "users", None) is not None:
        return SHIPPED
    config = load_config(config_of(arguments))
    return SHIPPED.with_others(other_actions(config.actions, config.actions_undescribed))


def _help(text: str) -> str:
    return f"{text} (default: {DEFAULT_CONFIG})"
