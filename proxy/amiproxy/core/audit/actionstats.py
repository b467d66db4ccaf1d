"""Counts of actions by name, user and result.

Their number is bounded whatever clients send: names come from the action table, users from the
user table, and results are the words below.
"""

# mypyc: compiled

from typing import Final

#: The name under which actions are counted that are not in the action table.
OTHER: Final = b"other"
_RESULTS: Final = {b"Success": "success", b"Follows": "success", b"Goodbye": "success", b"Error": "error"}


class ActionStats:
    """``results`` is by (action, user, result), with the user "" before login.

    Names of actions are those of ``KnownActions.counted_name``, so that clients cannot make up any.
    """

    __slots__ = ("results",)

    def __init__(self) -> None:
        self.results: dict[tuple[bytes, str, str], int] = {}

    def count(self, name: bytes, user: str, result: str) -> None:
        """Count an action that was not sent to Asterisk: the result is ``local`` or ``denied``."""
        key = (name, user, result)
        self.results[key] = self.results.get(key, 0) + 1

    def answered(self, name: bytes, user: str, response: bytes) -> None:
        """Count an action whose answer is complete, given by Asterisk or by the proxy in its place.

        ``response`` is the value of the answer's ``Response`` header, b"" if it had none.
        """
        self.count(name, user, _RESULTS.get(response, "none"))
