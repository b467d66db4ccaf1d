"""Errors of the certificate tools: one family, each text names the file and the remedy."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType

#: All errors that ``cryptography`` raises, at once or later, for a certificate that it cannot read; they have
#: no common base class.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidVersion,
    DuplicateExtension,
    UnsupportedGeneralNameType,
)


class X509Error(Exception):
    """A certificate task failed; the text is for the operator."""


class BadName(X509Error):
    """Text that cannot be read as a name for a certificate."""


class IssueError(X509Error):
    """The CA cannot issue what was asked for."""


class BindingError(X509Error, ValueError):
    """A ``certificate:`` entry of a user that cannot be parsed."""


class FileError(X509Error):
    """A file that cannot be used.

    ``transient``: a writer may still be at work (a missing or truncated file, a set
    that changed during the read), so that it makes sense to try again soon before
    the operator is alerted.
    """

    def __init__(self, path: str, text: str, remedy: str, *, transient: bool = False) -> None:
        super().__init__(f"{path}: {text}; {remedy}")
        self.path = path
        self.text = text
        self.remedy = remedy
        self.transient = transient


class PemError(FileError):
    """A file does not contain the expected PEM objects."""


class SnapshotError(FileError):
    """A file cannot be read, or a set of files keeps changing."""
