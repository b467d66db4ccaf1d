"""The reload of the whole configuration, as a transaction.

It builds everything that it may change beside the running service and swaps it whole; if any of it is wrong,
the old configuration stays and the reason is logged.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from amiproxy import log
from amiproxy.config import Config, ConfigErrors
from amiproxy.config.differences import Differences, needs_restart
from amiproxy.core.audit import masking
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.hub import Hub
from amiproxy.net.admin.reloads import Rehearsal, ReloadReport
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.net.doors.secrets import HashVerifier
from amiproxy.net.loop import gently
from amiproxy.net.loop.coalescer import joined
from amiproxy.service.lifecycle import Lifecycle
from amiproxy.service.listeners import Listeners
from amiproxy.service.loadedconfig import LoadedConfig, StartError, preparing
from amiproxy.service.membership import Part
from amiproxy.service.upstreams import Upstreams
from amiproxy.steps import Steps
from amiproxy.x509.validating.findings import errors_of

#: Most users that the log line about a reload names in each of its lists (added, removed, changed).
_SHOWN = 50
#: Most errors of a failed reload that are logged, one line each; more would not be read.
_MOST_ERRORS = 100


class Transaction:
    """Reads everything again: swaps all of it, or keeps all of the old configuration and reports why.

    If only certificate files have changed, the good ones are adopted and the rest stay as they were.
    """

    def __init__(
        self,
        path: Path,
        prepared: LoadedConfig,
        lifecycle: Lifecycle,
        *,
        hub: Hub,
        pacing: Pacing,
        verifier: HashVerifier,
        listeners: Listeners,
        upstreams: Upstreams,
        fleet: Part | None,
        set_log_level: Callable[[str], None],
    ) -> None:
        self._path = path
        #: The configuration in force.
        self.prepared = prepared
        self._lifecycle = lifecycle
        self._hub = hub
        self._pacing = pacing
        self._verifier = verifier
        self._listeners = listeners
        self._upstreams = upstreams
        self._fleet = fleet
        self._set_log_level = set_log_level
        #: Held by a reload, and by a rehearsal, which reads the configuration in force from a thread.
        self._lock = asyncio.Lock()

    async def run(self, triggers: frozenset[str]) -> ReloadReport:
        """Reload once, and log the result; ``triggers`` say what asked for it.

        What fails is in the report: it raises nothing for files that cannot be used.
        """
        async with self._lock:
            return await self._run(triggers)

    async def rehearse(self) -> Rehearsal:
        """Do everything that a reload does before it changes anything, and say what would come of it.

        It raises nothing for files that cannot be used, and logs nothing.
        """
        async with self._lock:
            try:
                new, _ = await gently.in_thread(lambda: _compared(self._path, self.prepared))
            except (ConfigErrors, StartError, OSError) as error:
                return Rehearsal(_told(error))
            problems, warnings = await self._rehearse_certificates(new.config)
            closes: Mapping[str, Mapping[str, int]] = await gently.in_loop(
                self._hub.closing_for(new.users, new.servers)
            )
            await gently.in_loop(new.letting_go())
            return Rehearsal(problems, warnings, closes)

    async def _rehearse_certificates(self, config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Why the certificate files would be refused, and warnings about them."""
        certificates = self._listeners.certificates
        if len(config.tls_listeners) != len(certificates.stores):
            return (), ()  # that takes a restart, which compares no certificate with the one before
        async with certificates.reload_lock:
            try:
                candidates = await certificates.prepare(
                    config.tls_listeners, config.tls, frozenset({"rehearsal"}), whole=False
                )
            except CertificatesRefused as refused:
                return tuple(map(str, errors_of(refused.findings))), ()
        findings = [finding for candidate in candidates for finding in candidate.result.findings]
        wrong = errors_of(findings)
        doubts = [finding for finding in findings if finding not in wrong]
        return tuple(dict.fromkeys(map(str, wrong))), tuple(dict.fromkeys(map(str, doubts)))

    async def _run(self, triggers: frozenset[str]) -> ReloadReport:
        trigger = joined(triggers)
        self._lifecycle.reload_begins()
        failed = True
        try:
            report = await self._exchange(triggers)
        except (ConfigErrors, StartError, CertificatesRefused, OSError) as error:
            report = ReloadReport(False, trigger, time.time(), _told(error))
        else:
            failed = report.keeps_old
        finally:
            # In every case: the service manager waits for READY after RELOADING.
            self._lifecycle.reload_ends(failed=failed)
        for line in report.problems:
            log.say(log.ERROR, "reload-failed", reason=line, trigger=trigger)
        return report

    async def _exchange(self, triggers: frozenset[str]) -> ReloadReport:
        trigger = joined(triggers)
        certificates, old = self._listeners.certificates, self.prepared
        async with certificates.reload_lock:
            new, changed = await gently.in_thread(lambda: _compared(self._path, old))
            fixed = needs_restart(old.config, new.config)
            if fixed:
                raise StartError("\n".join(f"{self._path}: {line}" for line in fixed))
            candidates = await certificates.prepare(
                new.config.tls_listeners, new.config.tls, triggers, whole=any(changed)
            )
            if self._lifecycle.draining:
                raise StartError("the service is stopping")
            results = certificates.commit(candidates)
        told = tuple(str(result) for result in results)
        refused = errors_of(finding for result in results for finding in result.findings)
        if refused:
            problems = tuple(map(str, refused))
            return ReloadReport(False, trigger, time.time(), problems, changed, told, only_certificates=True)
        await self._adopt(new)
        log.say(
            log.INFO,
            "reloaded",
            trigger=trigger,
            users=len(new.users),
            changed=" ".join(changed.keys) or None,
            users_added=_some(changed.users_added),
            users_removed=_some(changed.users_removed),
            users_changed=_some(
                [f"{name}({','.join(keys)})" for name, keys in changed.users_changed[:_SHOWN]],
                len(changed.users_changed),
            ),
            generation=self._hub.ctx.generation,
        )
        return ReloadReport(True, trigger, time.time(), (), changed, told)

    async def _adopt(self, prepared: LoadedConfig) -> None:
        config, old = prepared.config, self.prepared
        masking.configure(config.log.hidden_variables)
        self._verifier.forget()
        self._hub.add_servers(prepared.servers.names)
        self._hub.adopt_limits(config.limits, prepared.server_limits)
        for server in self._hub.servers:
            server.adopt_actions(prepared.actions)
        self._hub.adopt_history(config.history.bounds, config.upstream_lost)
        self._pacing.shortest = config.fan_out.flush_interval
        self._pacing.longest = config.fan_out.flush_interval_max
        with self._upstreams.leaving(config, prepared.secrets):
            await self._adopt_users(prepared)
        await gently.in_loop(old.letting_go())

    async def _adopt_users(self, prepared: LoadedConfig) -> None:
        """Give each session its new rights, and then connect to the servers that are new or have changed."""
        config = prepared.config
        await gently.in_loop(self._hub.adopting(prepared.users, prepared.servers))
        # Until here logins are judged by the old users, who know no server that a listener has only now.
        self._listeners.adopt(config.listeners)
        self.prepared = prepared
        # It takes the log's format from the configuration in force.
        self._set_log_level(config.log.level)
        prepared.warn()
        self._lifecycle.waits_for_link = config.ready == "upstream"
        if self._fleet is not None:
            self._fleet.adopt(prepared)
        self._upstreams.adopt(config, prepared.secrets)


def _some(users: Sequence[str], number: int | None = None) -> str | None:
    """User names for a log line: the first ``_SHOWN``, then how many more; None if there are no users.

    ``number`` is the number of users in all, if ``users`` holds only the first of them.
    """
    number = len(users) if number is None else number
    more = [f"(and {number - _SHOWN} more)"] if number > _SHOWN else []
    return " ".join([*users[:_SHOWN], *more]) or None


def _told(error: Exception) -> tuple[str, ...]:
    """The errors, one line each: the first ``_MOST_ERRORS``, then how many more there are."""
    lines = str(error).splitlines()
    more = len(lines) - _MOST_ERRORS
    if more <= 0:
        return tuple(lines)
    return (*lines[:_MOST_ERRORS], f"and {more} more; ami-proxy check shows all")


def _compared(path: Path, old: LoadedConfig) -> Steps[tuple[LoadedConfig, Differences]]:
    """The configuration on disk now, and how it differs from ``old``."""
    new = yield from preparing(path, certificate_files=False, old=old)
    changed = yield from new.differing_from(old)
    return new, changed
