"""What a reload of certificates led to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from amiproxy.net.loop.coalescer import joined
from amiproxy.x509.facts import Facts
from amiproxy.x509.validating.findings import Finding, errors_of

Outcome = Literal["swapped", "unchanged", "partial", "failed"]

#: The triggers that no operator waits for: a change of the files, and the regular check.
WATCH: Final = "watch"
TIMER: Final = "timer"
UNASKED: Final = frozenset({WATCH, TIMER})


class Change(NamedTuple):
    """One certificate replaced by another; ``old`` is None if the pair was not served before."""

    old: Facts | None
    new: Facts


@dataclass(frozen=True)
class ReloadResult:
    """The result of a reload."""

    outcome: Outcome
    """``partial``: the valid pairs were swapped, the refused ones kept their old version."""
    triggers: frozenset[str]
    generation: int
    """The number of the generation that serves after the reload."""
    at: float
    """Seconds since the epoch."""
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def trigger(self) -> str:
        """The triggers as one text."""
        return joined(self.triggers)

    @property
    def succeeded(self) -> bool:
        """Whether the files on disk are what is served."""
        return self.outcome in ("swapped", "unchanged")

    @property
    def swapped(self) -> bool:
        """Whether the reload changed what is served."""
        return self.outcome in ("swapped", "partial")

    def __str__(self) -> str:
        said = {
            "swapped": f"certificates reloaded, generation {self.generation}",
            "unchanged": f"certificates unchanged, generation {self.generation}",
            "partial": f"certificates partly reloaded, generation {self.generation}; refused pairs kept old",
            "failed": f"certificates NOT reloaded, generation {self.generation} continues to serve",
        }[self.outcome]
        errors = "; ".join(map(str, errors_of(self.findings)))
        return f"{said} ({self.trigger}){': ' if errors else ''}{errors}"


class CertificatesRefused(Exception):
    """The certificate files or the TLS policy cannot be used; ``findings`` has the reasons.

    Raised at the start, where there is no old generation to keep, and by a reload that must not be partial.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(map(str, errors_of(findings))))
        self.findings = tuple(findings)


def refused_files(result: ReloadResult) -> set[tuple[str, str]]:
    """Code and file of each error; the texts are left out because they contain ages, which change."""
    return {(finding.code, finding.file) for finding in errors_of(result.findings)}
