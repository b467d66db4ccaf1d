"""Findings about files of certificates: each names its file and a remedy.

Files with an error are not used; files with warnings are used, and the warnings are logged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from amiproxy.x509.errors import FileError, PemError
from amiproxy.x509.snapshot import SourceFile


class Finding(NamedTuple):
    """One finding; its text can be understood without context."""

    level: Literal["error", "warning"]
    code: str
    """Stable, for tests and for filtering logs: ``key-mismatch``."""
    file: str
    text: str
    remedy: str
    transient: bool = False
    """A writer may still be at work: check again before reporting it."""

    def __str__(self) -> str:
        return f"{self.file}: {self.text}; {self.remedy}"


@dataclass(frozen=True)
class PairRules:
    """The operator's settings for validation."""

    allow_expired: bool = False
    lost_names: Literal["warn", "refuse"] = "warn"
    """What to do with a new certificate that no longer covers a name which the old one covered."""
    names: tuple[str, ...] = ()
    """Names that the certificate must cover, or it is refused."""
    expired_crl: Literal["refuse", "accept"] = "refuse"
    """When a revocation list is out of date: refuse every client of its CA, or keep using the list."""


def has_error(findings: Iterable[Finding]) -> bool:
    """Whether any finding is an error, so that the files must not be used."""
    return any(finding.level == "error" for finding in findings)


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are errors."""
    return [finding for finding in findings if finding.level == "error"]


def finding_of(error: FileError) -> Finding:
    """The error of a file as a finding."""
    code = "not-pem" if isinstance(error, PemError) else "unreadable"
    return Finding("error", code, error.path, error.text, error.remedy, error.transient)


def judge_directories(sources: Sequence[SourceFile]) -> list[Finding]:
    """An error for each directory through which others could replace one of the files."""
    return [
        error_of("directory-open", source, loose.text, loose.remedy)
        for source in sources
        for loose in source.loose_directories
    ]


def error_of(code: str, source: SourceFile, text: str, remedy: str, *, transient: bool = False) -> Finding:
    """An error about this file; ``code`` is that of Finding."""
    return Finding("error", code, str(source.path), text, remedy, transient)


def warning_of(code: str, source: SourceFile, text: str, remedy: str) -> Finding:
    """A warning about this file; ``code`` is that of Finding."""
    return Finding("warning", code, str(source.path), text, remedy)
