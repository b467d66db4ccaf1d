"""Importers: convert other programs' configuration to users.yaml and proxy.yaml, text to text.

Each reads one format and returns an ``Imported``: users, a proposal for proxy.yaml,
and a note for everything that was not carried over unchanged.  Importers open no
files: the caller supplies those that ``#include`` names.

One rule applies throughout: no user gets more rights than before.  If a line cannot
be carried over, and leaving it out would let a user see or do more, the user is
imported disabled, and a note says why.
"""

from amiproxy.tools.importers.astmanproxy import import_astmanproxy_users
from amiproxy.tools.importers.astmanproxyconf import astmanproxy_servers, import_astmanproxy_conf
from amiproxy.tools.importers.managerconf import import_manager_conf
from amiproxy.tools.importers.result import Imported, Note, ReportLine, SecretForm, findings

__all__ = [
    "Imported",
    "Note",
    "ReportLine",
    "SecretForm",
    "astmanproxy_servers",
    "findings",
    "import_astmanproxy_conf",
    "import_astmanproxy_users",
    "import_manager_conf",
]
