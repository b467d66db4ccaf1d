"""Close codes: why a WebSocket is closed, as a number.

Codes of 4000 and more are for applications; those up to 4004 have the meaning that Wazo gives them.
"""

from typing import Final

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
NOT_TEXT: Final = 1003
NOT_UTF_8: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
FAULT: Final = 1011
TRY_LATER: Final = 1013
NO_LOGIN: Final = 4001
LOGIN_FAILED: Final = 4002
SESSION_OVER: Final = 4003
BAD_MESSAGE: Final = 4004
TOO_MANY: Final = 4029

#: By the reason with which a session is closed.  Any other means that it was revoked: its user was removed or
#: its secret changed, an operator has ended it, or it has logged out elsewhere.  A client that does not read
#: is cut off without a close frame, which would come behind everything that it has not read.
_CODES: Final = {
    "": GOING_AWAY,
    "address not permitted": POLICY,
    "client closed": NORMAL,
    "displaced before login": TRY_LATER,
    "events lost": TRY_LATER,
    "fault": FAULT,
    "idle": NORMAL,
    "login failed": LOGIN_FAILED,
    "login timeout": NO_LOGIN,
    "logoff": NORMAL,
    "malformed": BAD_MESSAGE,
    "not AMI": BAD_MESSAGE,
    "out of descriptors": TRY_LATER,
    "shutdown": GOING_AWAY,
    "too many control frames": TOO_MANY,
    "too many sessions": TRY_LATER,
    "too many sessions of this user": TRY_LATER,
    "too much before login": POLICY,
    "upstream lost": TRY_LATER,
    "user disabled": POLICY,
}


def code_of(reason: str) -> int:
    """The close code for the reason of ``Session.close``."""
    return _CODES.get(reason, SESSION_OVER)
