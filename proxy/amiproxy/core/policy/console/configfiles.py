"""Configuration files and modules: names only, no paths, and never the files of the manager itself.

Asterisk compares only the beginning of the resolved path, so that a folder beside
its own passes, and older versions do not check at all.  manager.conf contains the
secret of the account that all clients share.
"""

import re
from collections.abc import Iterator
from typing import Final

from amiproxy.ami.message import Action
from amiproxy.ami.values import ast_true
from amiproxy.core.policy.console import reloads
from amiproxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged, refuse

#: Line 0, before the first line.  An empty value is allowed, since Asterisk itself answers it with an error.
_FIRST: Final = re.compile(rb"0*\Z")
_MODULE: Final = re.compile(rb"[A-Za-z0-9_.-]+\Z")

_DIRECTIVE: Final = Deny(PERMISSION_DENIED, "config-directive")
_LINE: Final = refuse(
    "config-line", "Asterisk crashes on an Insert past the end of a section: set Line to 0, or use Append"
)
_INCOMPLETE: Final = Deny(b"Incomplete ModuleLoad action.", "module-name")
_UNNAMED: Final = Deny(b"Need module name", "module-name")
_OUTSIDE: Final = Deny(b"Module must be in the configured modules directory.", "module-name")


def update_config(user: Judged, action: Action) -> Deny | None:
    """Refuse names that make a line read as ``#include`` or ``#exec``, and a reload of the manager.

    Also refuse an Insert that counts lines: Asterisk continues past the last line of the section.
    """
    if any(_makes_directive(name, value) for name, value in _names_written(action)):
        return _DIRECTIVE
    if any(not _FIRST.match(action.get(b"line-" + number)) for number in _inserts(action)):
        return _LINE
    module = action.get(b"reload").strip(b" \t")
    # A word for yes reloads everything; any other is a module.
    return reloads.reload(user, [] if ast_true(module) else [module]) if module else None


def _inserts(action: Action) -> Iterator[bytes]:
    """The numbers of the changes that insert a line."""
    for name, value in action.headers:
        if name[:7].lower() == b"action-" and value.strip(b" \t").lower() == b"insert":
            yield name[7:].lower()


def _names_written(action: Action) -> Iterator[tuple[bytes, bytes]]:
    headers = [(name.strip().lower(), value) for name, value in action.headers]
    renames = any(
        name.startswith(b"action-") and value.strip(b" \t").lower() == b"renamecat" for name, value in headers
    )
    for name, value in headers:
        # In a rename the value is a category's new name; in all other values Asterisk escapes semicolons.
        if name.startswith((b"var-", b"cat-", b"options-")) or (renames and name.startswith(b"value-")):
            yield name, value


def _makes_directive(header: bytes, name: bytes) -> bool:
    # Asterisk writes names unescaped: a block comment in one can hide the text before a #.
    begins_line = header.startswith((b"var-", b"cat-"))
    return b";" in name or (begins_line and name.lstrip(b" \t").startswith(b"#"))


def reload(user: Judged, action: Action) -> Deny | None:
    """The action Reload, of the module that it names or of all modules."""
    module = action.get(b"module")
    return reloads.reload(user, [module] if module else [])


def module_load(user: Judged, action: Action) -> Deny | None:
    """The action ModuleLoad: only a plain name, and no form that Asterisk answers with several responses."""
    kind, module = action.get(b"loadtype"), action.get(b"module")
    if not kind:
        return _INCOMPLETE
    if not module:
        return None if kind.lower() == b"reload" else _UNNAMED
    return None if _MODULE.match(module) and b".." not in module else _OUTSIDE
