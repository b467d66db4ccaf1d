"""Why there is no connection to an engine."""

import ssl

from nats import errors

from amiproxy.net.fleet.channel import EngineDown
from amiproxy.net.fleet.natsclient import NotEncrypted
from amiproxy.net.tls.tlserrors import UNKNOWN_ISSUER, WRONG_NAME, reason_of


def why(error: BaseException | None) -> str:
    """The reason of an end or of a failed attempt, for the log and the status; holds no secret."""
    match error:
        case None:
            return "the engine ended the connection"
        case TimeoutError():
            return "no answer in time"
        case ssl.SSLCertVerificationError(verify_code=code) if code in WRONG_NAME:
            return "the engine's certificate is not valid for its name in fleet.engines"
        case ssl.SSLCertVerificationError(verify_code=code) if code in UNKNOWN_ISSUER:
            return "the engine's certificate is not issued by a CA in fleet.ca; add its CA to that file"
        case OSError():
            return reason_of(error)
        case EngineDown() | NotEncrypted():
            return str(error)
        case errors.Error():
            text = str(error).removeprefix("nats: ").strip("'").lower()
            if "authorization violation" in text:
                return "the engine does not know our key (authorization violation); see fleet.seed_file"
            return text
        case _:
            # Its text may hold anything.
            return type(error).__name__
