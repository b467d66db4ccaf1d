"""Why a connection to Asterisk could not be made, or its login failed."""


class LinkError(Exception):
    """The connection or login failed; the text says why."""


class LoginRejected(LinkError):
    """Asterisk refused the login of our manager user."""


def why(error: Exception) -> str:
    """The reason of a failed connection or login, as text for the log and the status."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
