"""Why an action has no answer, or not all of it: the texts that clients are sent."""

# mypyc: compiled

from typing import Final

NOT_CONNECTED: Final = b"Upstream not connected"
LOST: Final = b"Upstream connection lost (outcome unknown)"
SHUTTING_DOWN: Final = b"Shutting down"
EXPIRED: Final = b"Expired before it could be sent (not executed)"
TIMED_OUT: Final = b"Timeout waiting for Asterisk"
#: Of an action that another process was to send to Asterisk: it may have been executed, or may still be.
OUTCOME_UNKNOWN: Final = b"No answer from the agent (outcome unknown)"
#: The same, if the link to that process was lost.
AGENT_LOST: Final = b"Agent lost (outcome unknown)"
NO_ANSWER: Final = b"No answer from Asterisk"
ORIGINATE_FAILED: Final = b"Originate failed"
TOO_LONG: Final = b"Answer is longer than limits.upstream_message_bytes"
#: Instead of these three, a client is sent the end of its event list with ``EventList: Cancelled``.
TOO_MANY_ITEMS: Final = b"Event list has more than limits.list_items items"
CUT_OFF: Final = b"Event list ended without its last event"
CANCELLED: Final = b"Event list cancelled by Asterisk"
