"""The table of all kinds, in the order in which a snapshot shows them."""

# mypyc: compiled

from typing import Final

from amiproxy.core.history.kinds.agents import Agents
from amiproxy.core.history.kinds.bridges import Bridges
from amiproxy.core.history.kinds.channels import Channels
from amiproxy.core.history.kinds.conferences import Conferences
from amiproxy.core.history.kinds.lines.devices import Devices
from amiproxy.core.history.kinds.lines.endpoints import Endpoints
from amiproxy.core.history.kinds.lines.extensions import Extensions
from amiproxy.core.history.kinds.lines.mailboxes import Mailboxes
from amiproxy.core.history.kinds.lines.peers import Peers
from amiproxy.core.history.kinds.lines.presence import Presence
from amiproxy.core.history.kinds.parked import Parked
from amiproxy.core.history.kinds.queues import Queues
from amiproxy.core.history.state.kind import Maker

#: Each makes a new, empty one.  Kinds that others refer to come first.
KINDS: Final[tuple[Maker, ...]] = (
    Channels,
    Bridges,
    Queues,
    Agents,
    Parked,
    Conferences,
    Devices,
    Extensions,
    Presence,
    Endpoints,
    Peers,
    Mailboxes,
)
