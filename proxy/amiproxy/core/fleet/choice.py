"""Choice: which agent of a server an edge follows.

No process elects anything.  Where all agents begin at about the same time, each edge waits until it may have
heard them all, so that all edges follow the same one, and clients can resume at another edge.
"""

# mypyc: compiled

from collections.abc import Collection
from typing import Final

from amiproxy.core.fleet.agentview import AgentView

#: Seconds for which an agent that has just begun to live waits for one whose name sorts before: longer than
#: the time between two beats.
_OTHERS_SECONDS: Final = 1.25


def chosen(agents: Collection[AgentView], present: AgentView | None, now: float) -> AgentView | None:
    """The agent to follow: the present one while it lives, else the first that does.

    None if none lives, or if one whose name sorts before may be heard in a moment.  ``agents`` are all of
    the server, by name.
    """
    if present is not None and present.lives(now):
        return present
    living = [view for view in agents if view.lives(now)]
    if not living:
        return None
    found = next((view for view in living if view.state == "up"), living[0])
    is_first = found is next(iter(agents))
    return found if is_first or now - found.since >= _OTHERS_SECONDS else None
