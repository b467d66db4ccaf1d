"""Proposes an Originate rate for users that may originate.

Asterisk has no rate limit; the proxy has one, and its default fits a person rather
than a dialer.  A user that may originate is imported with its own rate, which the
operator should set to what the user needs.
"""

from typing import Final

from amiproxy.config.users.user import UserEntry
from amiproxy.tools.importers.result import Imported

#: The proposed ``limits`` of a user.
PROPOSED: Final[dict[str, object]] = {"originate_rate": 50}
#: Whether users.yaml has the key ``limits``.
PER_USER: Final = "limits" in UserEntry.__struct_fields__

_UNBOUNDED: Final = "may originate: Asterisk has no rate limit,"


def propose_rate(
    imported: Imported, place: str, user: str, entry: dict[str, object], *, per_user: bool = PER_USER
) -> None:
    """Add a rate to the entry of a user that may originate, and note it in the report.

    If users cannot have their own limits (``per_user`` is False), the report names the
    limit of the service that applies.
    """
    if not _originates(entry.get("write")):
        return
    if per_user:
        entry["limits"] = dict(PROPOSED)
        text = f"{_UNBOUNDED} here {PROPOSED['originate_rate']} per second are proposed"
        remedy = "set limits.originate_rate in the entry to what the user needs"
    else:
        text = f"{_UNBOUNDED} here limits.originate_rate of proxy.yaml applies to each user"
        remedy = "raise it if one of them dials many calls at once"
    imported.note("changed", place, user, text, remedy)


def _originates(write: object) -> bool:
    return write == "all" or (isinstance(write, list) and not {"all", "originate"}.isdisjoint(write))
