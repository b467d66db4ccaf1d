"""Errors of the certificate tools: one family, each text names the file and the remedy."""


class X509Error(Exception):
    """A certificate task could not be done; the text is meant for the operator."""


class BadName(X509Error):
    """Text that cannot be read as a name for a certificate."""


class IssueError(X509Error):
    """The CA cannot issue what was asked for."""


class PemError(X509Error):
    """A file that does not hold the PEM objects it should."""


class SnapshotError(X509Error):
    """A set of files cannot be read.

    ``transient`` says that a writer may still be at work (a missing file, a set
    that changed under the reader), so that trying again soon makes sense.
    """

    def __init__(self, text: str, *, path: str = "", remedy: str = "", transient: bool = False) -> None:
        super().__init__(f"{text}; {remedy}" if remedy else text)
        self.text = text
        self.path = path
        self.remedy = remedy
        self.transient = transient


class BindingError(X509Error):
    """A ``certificate:`` entry of a user that cannot be understood."""
