"""Limits of one user, which override those that apply to every user."""

import msgspec

from amiproxy.config.limits import Count, PerSecond


class UserLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each overrides the limit of the same name in proxy.yaml, with the same meaning; None: not overridden.

    ``sessions`` overrides ``sessions_per_user``.
    """

    action_rate: PerSecond | None = None
    action_burst: Count | None = None
    originate_rate: PerSecond | None = None
    originate_burst: Count | None = None
    command_rate: PerSecond | None = None
    command_burst: Count | None = None
    sessions: Count | None = None
