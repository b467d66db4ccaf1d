"""Errors of the protocol layer: one family, each with the text a client is told."""


class ProtocolError(Exception):
    """A peer broke the protocol.  ``str(error)`` is the text for the wire and completes "closed because …".

    ``fatal`` says whether the stream can go on: False means that only this
    message is refused, as Asterisk does.  ``action_id`` is the client's own,
    where it could be read before things went wrong.
    """

    fatal = False

    def __init__(self, text: str, action_id: bytes = b"") -> None:
        super().__init__(text)
        self.action_id = action_id


class LineTooLong(ProtocolError):
    """A line over Asterisk's buffer; the message is refused, the stream goes on."""

    def __init__(self, action_id: bytes = b"") -> None:
        super().__init__("Failed to parse message: line too long", action_id)


class TooManyHeaders(ProtocolError):
    """More headers than Asterisk takes; the message is refused, the stream goes on."""

    def __init__(self, action_id: bytes = b"") -> None:
        super().__init__("Too many lines in message or allocation failure", action_id)


class ActionIDTooLong(ProtocolError):
    """An ActionID longer than we keep; the message is refused, the stream goes on.

    The refusal has it all the same: without it the client could not tell what was refused.
    """

    def __init__(self, action_id: bytes) -> None:
        super().__init__("ActionID too long", action_id)


class ControlCharacter(ProtocolError):
    """NUL, a bare CR or another control byte: two parsers could disagree, so the stream ends."""

    fatal = True

    def __init__(self) -> None:
        super().__init__("Failed to parse message: control character")


class MessageTooLong(ProtocolError):
    """An unfinished message over the limit: there is no way back into step, the stream ends."""

    fatal = True

    def __init__(self) -> None:
        super().__init__("Failed to parse message: message too long")


class UnknownPrivilege(ProtocolError):
    """A list of privilege classes names one that does not exist, or is empty between two commas."""


class FilterSyntaxError(ProtocolError):
    """An eventfilter was refused.  ``reason`` is for operators, the text what a client is told."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason


class FilterNotCompiled(FilterSyntaxError):
    """An eventfilter's pattern is no regular expression, or none that we run."""

    def __init__(self, reason: str) -> None:
        super().__init__("Filter did not compile.  Check the syntax of the filter given.", reason)


class FilterMalformed(FilterSyntaxError):
    """An eventfilter's criteria do not parse, or do not go together."""

    def __init__(self, reason: str) -> None:
        super().__init__("Filter was formatted incorrectly.  Check the syntax of the filter given.", reason)
