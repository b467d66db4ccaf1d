"""What the control socket and the metrics see of the running service; the composition root is one."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from proxy.config import Config
from proxy.core.hub import Hub
from proxy.net.certstore import CertStore
from proxy.net.lag import LoopLag
from proxy.net.link import Link
from proxy.net.listener import Door
from proxy.net.reloads import Reloads
from proxy.net.rotation import Rotation


class Service(Protocol):
    """All of it is read; what changes anything is a method."""

    @property
    def config(self) -> Config:
        """What is in force."""

    @property
    def hub(self) -> Hub:
        """Sessions and their counters."""

    @property
    def door(self) -> Door:
        """Connections and handshakes."""

    @property
    def link(self) -> Link:
        """The way to Asterisk."""

    @property
    def stores(self) -> Sequence[CertStore]:
        """The certificates of each listener, in the order of the configuration."""

    @property
    def rotation(self) -> Rotation:
        """When they are reloaded."""

    @property
    def reloads(self) -> Reloads:
        """When everything is."""

    @property
    def certificate_reloads(self) -> Counter[tuple[str, str]]:
        """Those of the certificates alone, by outcome and trigger."""

    @property
    def lag(self) -> LoopLag:
        """How late the loop is."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where clients connect."""

    @property
    def hashes_pending(self) -> int:
        """Secrets that are being compared, or wait for it."""

    @property
    def started(self) -> float:
        """Seconds since the epoch."""

    @property
    def log_level(self) -> str:
        """As the configuration has it, or as it was set since."""

    @property
    def draining(self) -> bool:
        """Whether the end has begun."""

    def set_log_level(self, level: str) -> None:
        """Until the next reload."""

    def stop(self) -> None:
        """Begin the end, as SIGTERM does."""
