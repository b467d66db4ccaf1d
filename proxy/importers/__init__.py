"""Importers: other programs' configuration as our two files, text to text.

Each reads one format and gives an ``Imported``: users, a proposal for
proxy.yaml, and a note for everything that did not come over as it was.  They
open no file: what ``#include`` names is asked of the caller.

The rule throughout: nobody gets more than it had.  Where a line cannot be
carried over and leaving it out would let a user see or do more, the user comes
over disabled, and a note says why.
"""

from proxy.importers.astmanproxy import import_astmanproxy_users
from proxy.importers.astmanproxyconf import import_astmanproxy_conf
from proxy.importers.managerconf import import_manager_conf
from proxy.importers.result import Finding, Imported, Note, SecretForm, findings

__all__ = [
    "Finding",
    "Imported",
    "Note",
    "SecretForm",
    "findings",
    "import_astmanproxy_conf",
    "import_astmanproxy_users",
    "import_manager_conf",
]
