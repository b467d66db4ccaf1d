"""A rate of Originates for users that originate.

Asterisk bounds no rate; the proxy does, and its default fits a person rather
than a dialer.  A user that may originate comes over with a rate of its own,
for the operator to set to what the user needs.
"""

from typing import Final

from proxy.config.user import UserEntry
from proxy.importers.result import Imported

#: What is proposed under a user's ``limits``.
PROPOSED: Final[dict[str, object]] = {"originate_rate": 50}
#: Whether users.yaml has that key.
PER_USER: Final = "limits" in UserEntry.__struct_fields__

_UNBOUNDED: Final = "may originate: Asterisk bounds no rate,"


def propose_rate(
    imported: Imported, place: str, user: str, entry: dict[str, object], *, per_user: bool = PER_USER
) -> None:
    """Add a rate to the entry of a user that may originate, and say so.

    Where a user has no limits of its own (``per_user`` is False), the report says
    which limit of the service holds.
    """
    if not _originates(entry.get("write")):
        return
    if per_user:
        entry["limits"] = dict(PROPOSED)
        text = f"{_UNBOUNDED} here {PROPOSED['originate_rate']} a second are proposed"
        remedy = "set limits.originate_rate in the entry to what the user needs"
    else:
        text = f"{_UNBOUNDED} here limits.originate_rate of proxy.yaml holds for each user"
        remedy = "raise it if one of them dials many calls at once"
    imported.note("changed", place, user, text, remedy)


def _originates(write: object) -> bool:
    return write == "all" or (isinstance(write, list) and not {"all", "originate"}.isdisjoint(write))
