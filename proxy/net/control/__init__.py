"""The control socket: what an operator on this host asks of the running service.

``server`` carries requests and replies, ``commands`` is the table of what can be
asked and with which permission, ``views`` says how things stand, ``trace``
streams what one user sends and is sent.  Nothing here holds a secret.
"""

from proxy.net.control.commands import COMMANDS, Command, Permission
from proxy.net.control.server import ControlServer

__all__ = ["COMMANDS", "Command", "ControlServer", "Permission"]
