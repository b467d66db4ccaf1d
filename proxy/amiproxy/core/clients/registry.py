"""SessionRegistry: the open sessions, by whether they have logged in and as whom."""

from collections.abc import Iterable

from amiproxy.core.clients.session import Session
from amiproxy.core.model.users import User


class SessionRegistry:
    """Sessions are added when they are sent the banner, and removed when they begin to close."""

    def __init__(self) -> None:
        # In the order in which they were accepted, the oldest first.
        self._unauthenticated: dict[Session, None] = {}
        self._by_user: dict[str, dict[Session, None]] = {}
        self._authenticated = 0

    def add(self, session: Session) -> None:
        """Add a session that has not logged in."""
        self._unauthenticated[session] = None

    def admit(self, session: Session, user: User) -> None:
        """Record that the session has logged in as this user."""
        del self._unauthenticated[session]
        self._by_user.setdefault(user.name, {})[session] = None
        self._count(session, 1)

    def rename(self, session: Session, before: User, user: User) -> None:
        """Move a session from ``before`` to ``user``, which replaces it and may be spelled differently."""
        self._drop(session, before)
        self._by_user.setdefault(user.name, {})[session] = None

    def remove(self, session: Session) -> None:
        """Remove a session that is no longer open."""
        self._unauthenticated.pop(session, None)
        if session.principal.user is not None:
            self._drop(session, session.principal.user)
            self._count(session, -1)

    def _count(self, session: Session, more: int) -> None:
        if not session.is_web:
            self._authenticated += more

    def _drop(self, session: Session, user: User) -> None:
        sessions = self._by_user[user.name]
        del sessions[session]
        if not sessions:
            del self._by_user[user.name]

    @property
    def before_login(self) -> list[Session]:
        """The sessions that have not logged in, the oldest first."""
        return list(self._unauthenticated)

    @property
    def authenticated(self) -> int:
        """The number of sessions that have logged in, without web sessions."""
        return self._authenticated

    @property
    def users_logged_in(self) -> int:
        """The number of users that have at least one session."""
        return len(self._by_user)

    @property
    def unauthenticated(self) -> int:
        """The number of sessions that have not logged in."""
        return len(self._unauthenticated)

    @property
    def users(self) -> Iterable[Session]:
        """The sessions that have logged in."""
        return [session for sessions in self._by_user.values() for session in sessions]

    @property
    def sessions(self) -> list[Session]:
        """All open sessions."""
        return [*self.before_login, *self.users]

    def of(self, user: User) -> list[Session]:
        """The open sessions of one manager user."""
        return list(self._by_user.get(user.name, ()))
