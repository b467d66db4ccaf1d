"""YAML in, frozen typed structs out; every error with its file, line, key path and remedy.

``load`` reads all files, ``loading`` does it in steps.  What it gives is immutable: a reload loads anew and
swaps the whole, or keeps the old and tells why.  Secrets of the table are
hashes; the upstream's is read with ``read_secret`` where it is needed.
"""

from proxy.config.address import Address
from proxy.config.files import read_secret
from proxy.config.limits import Limits
from proxy.config.loading import (
    load,
    load_config,
    load_users,
    loading,
    named_users,
    parse_users,
    users_files,
)
from proxy.config.problems import ConfigErrors, Problem, Unfit
from proxy.config.schema import (
    Certificate,
    Config,
    Control,
    FanOut,
    Listener,
    Log,
    Metrics,
    Tls,
    Upstream,
)
from proxy.config.user import AdvancedFilter, UserEntry, UsersFile
from proxy.config.warnings import warnings_of

__all__ = [
    "Address",
    "AdvancedFilter",
    "Certificate",
    "Config",
    "ConfigErrors",
    "Control",
    "FanOut",
    "Limits",
    "Listener",
    "Log",
    "Metrics",
    "Problem",
    "Tls",
    "Unfit",
    "Upstream",
    "UserEntry",
    "UsersFile",
    "load",
    "load_config",
    "load_users",
    "loading",
    "named_users",
    "parse_users",
    "read_secret",
    "users_files",
    "warnings_of",
]
