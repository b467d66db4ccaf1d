"""Ceiling: what an agent lets one edge of its fleet do at most, whatever rights the edge's users have."""

from typing import NamedTuple

from amiproxy.core.model.users import folded


class Ceiling(NamedTuple):
    """For which users the edge may send actions, and which classes these may need."""

    #: Names of users, in any case; None for all users.
    users: frozenset[str] | None = frozenset()
    #: Masks of privilege classes: of what lists may tell the edge itself, and of actions.
    read: int = 0
    write: int = 0

    @property
    def names(self) -> frozenset[bytes] | None:
        """The names of its users in the form in which names are compared; None for all users."""
        return None if self.users is None else frozenset(folded(name) for name in self.users)

    def has_classes_of(self, other: "Ceiling") -> bool:
        """Whether it has all classes that the other one has."""
        return not (other.read & ~self.read or other.write & ~self.write)
