"""The limits that one user may have of its own, in place of those that hold for every user."""

import msgspec

from proxy.config.limits import Count, PerSecond


class UserLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each means what the limit of that name in proxy.yaml means; None: that one holds.

    ``sessions`` stands for ``sessions_per_user``.
    """

    action_rate: PerSecond | None = None
    action_burst: Count | None = None
    originate_rate: PerSecond | None = None
    originate_burst: Count | None = None
    command_rate: PerSecond | None = None
    command_burst: Count | None = None
    sessions: Count | None = None
