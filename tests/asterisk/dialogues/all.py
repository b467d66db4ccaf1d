"""All sessions, each under its name."""

from tests.asterisk.dialogues.actions import ACTIONS
from tests.asterisk.dialogues.calls import CALLS
from tests.asterisk.dialogues.framing import FRAMING
from tests.asterisk.dialogues.logins import LOGINS

DIALOGUES = {one.name: one for one in (*LOGINS, *FRAMING, *ACTIONS, *CALLS)}
