"""Errors of the protocol layer: one family, each with the text that is sent to the client."""


class ProtocolError(Exception):
    """A peer violated the protocol.  ``str(error)`` is the text for the wire, and fits "closed because …".

    ``fatal`` is True if the stream cannot continue; False means that only this
    message is refused, as Asterisk does.  ``action_id`` is the client's own,
    if it was read before the error occurred.
    """

    fatal = False

    def __init__(self, text: str, action_id: bytes = b"") -> None:
        super().__init__(text)
        self.action_id = action_id


class LineTooLong(ProtocolError):
    """A line longer than Asterisk's buffer; the message is refused, the stream continues."""

    def __init__(self, action_id: bytes = b"") -> None:
        super().__init__("Failed to parse message: line too long", action_id)


class TooManyHeaders(ProtocolError):
    """More headers than Asterisk accepts; the message is refused, the stream continues."""

    def __init__(self, action_id: bytes = b"") -> None:
        super().__init__("Too many lines in message or allocation failure", action_id)


class ControlCharacter(ProtocolError):
    """NUL, a bare CR or another control byte: parsers could read it differently, so the stream is closed."""

    fatal = True

    def __init__(self) -> None:
        super().__init__("Failed to parse message: control character")


class MessageTooLong(ProtocolError):
    """A message over the limit: the stream cannot be resynchronised and is closed."""

    fatal = True

    def __init__(self) -> None:
        super().__init__("Failed to parse message: message too long")


class UnknownPrivilege(ProtocolError):
    """A list of privilege classes has a word that is not a class, or nothing between two commas."""


class FilterSyntaxError(ProtocolError):
    """An eventfilter was refused.  ``reason`` is for operators, ``str(error)`` is sent to the client."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason


class FilterNotCompiled(FilterSyntaxError):
    """An eventfilter's pattern is not a regular expression, or not one that the proxy supports."""

    def __init__(self, reason: str) -> None:
        super().__init__("Filter did not compile.  Check the syntax of the filter given.", reason)


class FilterMalformed(FilterSyntaxError):
    """An eventfilter's criteria do not parse, or contradict each other."""

    def __init__(self, reason: str) -> None:
        super().__init__("Filter was formatted incorrectly.  Check the syntax of the filter given.", reason)
