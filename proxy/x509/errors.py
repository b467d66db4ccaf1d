"""Errors of the certificate tools: one family, each text names the file and the remedy."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType

#: What ``cryptography`` raises, sooner or later, for a certificate that it cannot read: they have no family.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidVersion,
    DuplicateExtension,
    UnsupportedGeneralNameType,
)


class X509Error(Exception):
    """A certificate task could not be done; the text is meant for the operator."""


class BadName(X509Error):
    """Text that cannot be read as a name for a certificate."""


class IssueError(X509Error):
    """The CA cannot issue what was asked for."""


class BindingError(X509Error, ValueError):
    """A ``certificate:`` entry of a user that cannot be understood."""


class FileError(X509Error):
    """A file that cannot be used.

    ``transient`` says that a writer may still be at work (a missing or cut-off
    file, a set that changed under the reader), so that trying again soon makes
    sense before anybody is alarmed.
    """

    def __init__(self, path: str, text: str, remedy: str, *, transient: bool = False) -> None:
        super().__init__(f"{path}: {text}; {remedy}")
        self.path = path
        self.text = text
        self.remedy = remedy
        self.transient = transient


class PemError(FileError):
    """A file does not hold the PEM objects it should."""


class SnapshotError(FileError):
    """A file cannot be read, or a set of them does not hold still."""
