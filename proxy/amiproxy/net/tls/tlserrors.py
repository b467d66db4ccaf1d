"""Why a connection ended, for the log, in the words of OpenSSL or of the system."""

import ssl


def reason_of(error: Exception) -> str:
    """One line without names or addresses: the reason in lower case, or the name of the error's class."""
    if isinstance(error, ssl.SSLCertVerificationError) and error.reason:
        # One text per OpenSSL code; on the server side they contain no names.
        return f"{error.reason.replace('_', ' ')}: {error.verify_message}".lower()
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
