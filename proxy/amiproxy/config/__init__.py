"""The configuration: reads YAML into frozen typed structs; every error has a file, line, key path and remedy.

``load`` reads all files, ``loading`` does so in steps.  The result is immutable: a reload loads a new
configuration and swaps it in whole, or keeps the old one and reports why.  Users' secrets are stored as
hashes; the upstream's secret is read with ``read_secret`` when it is needed.
"""

from amiproxy.config.address import Address
from amiproxy.config.fleet.schema import EdgeEntry, Engine, FleetServer, FleetSettings
from amiproxy.config.loading import (
    Loaded,
    draft_config,
    load,
    load_config,
    loading,
    named_users,
    users_files,
)
from amiproxy.config.reading.files import read_secret
from amiproxy.config.reading.problems import ConfigErrors, Problem
from amiproxy.config.schema import (
    AjamSettings,
    Certificate,
    Config,
    Control,
    FanOut,
    ListenerSettings,
    Log,
    Metrics,
    ServerSettings,
    Tls,
    UpstreamSettings,
    UpstreamTls,
)
from amiproxy.config.users.user import AdvancedFilter, UserEntry, UsersFile
from amiproxy.config.users.userfiles import load_users, parse_users
from amiproxy.config.warnings import warnings_of
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.limits import Limits

__all__ = [
    "Address",
    "AdvancedFilter",
    "AjamSettings",
    "Certificate",
    "Config",
    "ConfigErrors",
    "Control",
    "EdgeEntry",
    "Engine",
    "FanOut",
    "FleetServer",
    "FleetSettings",
    "Limits",
    "ListenerSettings",
    "Loaded",
    "Log",
    "Metrics",
    "Problem",
    "ServerSettings",
    "Tls",
    "Unfit",
    "UpstreamSettings",
    "UpstreamTls",
    "UserEntry",
    "UsersFile",
    "draft_config",
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
