"""The outcome of calling an extension, or the device of a channel."""

import enum
import re


class Outcome(enum.Enum):
    """How a dial attempt ends: DialStatus, hangup cause, and OriginateResponse's reason."""

    ANSWER = ("ANSWER", 16, 4)
    BUSY = ("BUSY", 17, 5)
    CONGESTION = ("CONGESTION", 34, 8)
    NOANSWER = ("NOANSWER", 19, 3)
    FAILED = ("CHANUNAVAIL", 3, 0)

    def __init__(self, dial_status: str, cause: int, reason: int) -> None:
        self.dial_status = dial_status
        self.cause = cause
        self.reason = reason


CONTEXTS = frozenset({"default", "from-internal", "from-trunk", "lab", "ami"})
TECHNOLOGIES = frozenset({"Local", "PJSIP", "SIP", "IAX2", "DAHDI"})

_OUTCOMES = (
    (re.compile(r"busy"), Outcome.BUSY),
    (re.compile(r"cong(estion)?"), Outcome.CONGESTION),
    (re.compile(r"ring|noans(wer)?"), Outcome.NOANSWER),
    (re.compile(r"answer|echo|queue|wait\d*|t\d-.*|\+?\d+"), Outcome.ANSWER),
)
_DURATION = re.compile(r"(?:wait(\d+)|t(\d)-.*)")
#: How long a call to any other answering extension lasts, seconds.
_LASTS = 20.0
_APPLICATIONS = {
    "answer": ("Wait", "1", 1.0),
    "busy": ("Busy", "1", 1.0),
    "cong": ("Congestion", "1", 1.0),
    "congestion": ("Congestion", "1", 1.0),
    "echo": ("Echo", "", 3600.0),
    "queue": ("Queue", "support", _LASTS),
    "ring": ("Ringing", "", 60.0),
}


def extension_outcome(context: str, exten: str) -> Outcome | None:
    """How calling an extension ends; None if the dialplan has no such extension."""
    if context not in CONTEXTS:
        return None
    return next((outcome for pattern, outcome in _OUTCOMES if pattern.fullmatch(exten)), None)


def channel_outcome(channel: str) -> Outcome:
    """How a call to ``Technology/resource`` ends: ``Local/exten@context``, or a device named by extension."""
    technology, _, resource = channel.partition("/")
    if technology not in TECHNOLOGIES:
        return Outcome.FAILED
    exten, _, context = resource.split("/")[0].partition("@")
    if technology == "Local":
        return extension_outcome(context, exten) or Outcome.FAILED
    return extension_outcome("default", exten) or Outcome.ANSWER


def application(exten: str) -> tuple[str, str, float]:
    """The application that an extension runs, its data, and for how many seconds it runs."""
    found = _DURATION.fullmatch(exten)
    if found:
        seconds = int(found[1] or found[2])
        return "Wait", str(seconds), float(seconds)
    return _APPLICATIONS.get(exten, ("Wait", f"{_LASTS:.0f}", _LASTS))
