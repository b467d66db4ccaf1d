"""Files with descriptions of actions, listed in proxy.yaml under ``actions_from``."""

import os
from pathlib import Path

import msgspec

from amiproxy.config.actions import ActionEntry, check_actions
from amiproxy.config.reading.binding import Binder
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.files import read_file
from amiproxy.config.reading.problems import KeyPath, Problem
from amiproxy.config.schema import Config
from amiproxy.core.model.errors import Unfit


class ActionsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One such file: descriptions as under ``actions`` of proxy.yaml."""

    actions: dict[str, ActionEntry]


def with_described(config: Config) -> tuple[Config, list[Problem]]:
    """The configuration with the actions of all its files, and the problems of those files.

    A description in proxy.yaml itself overrides one in a file.
    """
    own = {name.lower() for name in config.actions}
    actions = dict(config.actions)
    described: dict[str, Path] = {}
    problems: list[Problem] = []
    for path in config.actions_from:
        try:
            document = Document.parse(path, read_file(path))
        except Unfit as error:
            problems.append(Problem(str(path), 0, "", str(error), error.remedy))
            continue
        file = Binder(document, os.environ, {ActionsFile: _check}).bind(ActionsFile)
        for name, entry in file.actions.items() if file is not None else ():
            key = name.lower()
            if key in described:
                document.report(("actions", name), f"{described[key]} describes it already", "remove one")
            elif key not in own:
                actions[name] = entry
            described[key] = path
        problems += document.in_order()
    return msgspec.structs.replace(config, actions=actions), problems


def _check(file: ActionsFile, path: KeyPath, document: Document) -> None:
    check_actions(file.actions, (*path, "actions"), document)
