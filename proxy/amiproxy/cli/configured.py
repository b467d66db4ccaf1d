"""What the arguments ``--config`` and ``--users`` name: users and actions."""

import argparse

from amiproxy.ami.actions import SHIPPED, ActionTable
from amiproxy.config import UsersFile, load_config, load_users, users_files
from amiproxy.config.actions import other_actions


def users_of(arguments: argparse.Namespace) -> UsersFile:
    """The users of --users, or of the files that the proxy.yaml of --config names.  Raises ConfigErrors."""
    if arguments.users is not None:
        return load_users(arguments.users)
    return load_users(*users_files(load_config(arguments.config)))


def actions_of(arguments: argparse.Namespace) -> ActionTable:
    """Asterisk's actions and those that the proxy.yaml of --config describes.  Raises ConfigErrors."""
    if arguments.config is None:
        return SHIPPED
    config = load_config(arguments.config)
    return SHIPPED.with_others(other_actions(config.actions, config.actions_undescribed))
