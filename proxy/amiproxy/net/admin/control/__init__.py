"""The control socket: lets operators on this host query and control the running service.

``server`` transports requests and replies, ``commands`` is the table of commands and
their permissions, ``views`` describes the state of the service, ``trace`` streams the
messages that one user sends and receives.  No reply contains a secret.
"""

from amiproxy.net.admin.control.commands import COMMANDS, Command, Permission
from amiproxy.net.admin.control.server import ControlServer

__all__ = ["COMMANDS", "Command", "ControlServer", "Permission"]
