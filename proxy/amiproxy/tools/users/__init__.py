"""Changes to the users files of a configuration: locked, validated as a whole, written atomically."""

from amiproxy.tools.users.store import Change, Edit, UserStore

__all__ = ["Change", "Edit", "UserStore"]
