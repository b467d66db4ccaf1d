"""A condition that keeps clients out means not ready; one that needs attention means degraded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from amiproxy.core.servers.servers import Configured
from amiproxy.net.admin import health
from amiproxy.net.admin.health import Grade, readiness
from amiproxy.net.admin.reloads import ReloadReport
from amiproxy.net.upstream.link import LinkState
from tests.support.certificates import DAY, forge, forge_crl, install
from tests.support.fleets import EDGE, FakeFleet
from tests.support.live_service import LiveService


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    made = LiveService(tmp_path)
    made.link.state = LinkState.UP
    return made


def lines(service: LiveService) -> list[str]:
    return [str(check) for check in readiness(service)[1]]


async def test_a_healthy_service_is_good(service: LiveService) -> None:
    grade, checks = readiness(service)
    assert grade is Grade.GOOD
    assert [check.name for check in checks] == [
        "listeners",
        "certificate of 127.0.0.1:5039",
        "certificate files of 127.0.0.1:5039",
        "configuration",
        "upstream",
    ]
    assert lines(service)[0] == "[+] listeners: 2 open"


async def test_a_stopping_service_is_not_ready(service: LiveService) -> None:
    service.draining = True
    assert readiness(service)[0] is Grade.BAD
    assert "[-] listeners: stopping" in lines(service)


async def test_a_refused_reload_is_degraded(service: LiveService) -> None:
    service.reloads.last = ReloadReport(False, "SIGHUP", 0.0, ("wrong",))
    assert readiness(service)[0] is Grade.DEGRADED


async def test_a_process_of_a_fleet_without_an_engine_is_degraded(service: LiveService) -> None:
    service.fleet = FakeFleet(EDGE)
    assert readiness(service)[0] is Grade.DEGRADED
    assert "[!] fleet: no engine for actions: connection refused" in lines(service)
    engines = dict.fromkeys(("events", "actions"), EDGE["engines"]["events"])
    service.fleet = FakeFleet({**EDGE, "engines": engines})
    assert readiness(service)[0] is Grade.GOOD
    assert "[+] fleet: connected" in lines(service)


async def test_refused_files_on_disk_are_degraded(service: LiveService) -> None:
    store, key = service.stores[0], service.config.listeners[0].certificates[0].key
    good = key.read_bytes()
    key.write_bytes(b"junk")
    store.reload("watch")
    store.reload("timer")
    assert readiness(service)[0] is Grade.DEGRADED
    (line,) = [line for line in lines(service) if " certificate files of " in line]
    assert line.startswith("[!] certificate files of 127.0.0.1:5039: certificates NOT reloaded, ")
    assert "server.key" in line
    key.write_bytes(good)
    store.reload("timer")
    assert readiness(service)[0] is Grade.GOOD
    assert "[+] certificate files of 127.0.0.1:5039: as on disk" in lines(service)


class TestClientAuthorities:
    """CAs and revocation lists for clients expire too, and then clients are kept out."""

    authority = forge("Clients CA", ca=True, not_after=datetime.now(UTC) + 90 * DAY)

    def lines(self, service: LiveService, tmp_path: Path, auth: str, rule: str = "refuse") -> list[str]:
        (tmp_path / "ca.crt").write_bytes(self.authority.pem)
        (listener,) = service.config.listeners
        listener = msgspec.structs.replace(
            listener, client_auth=auth, client_ca=tmp_path / "ca.crt", client_crl=tmp_path / "ca.crl"
        )
        tls = msgspec.structs.replace(service.config.tls, expired_crl=rule)
        store = service.stores[0]
        store.commit(store.prepare("test", listener, tls))
        return [line for line in lines(service) if "client" in line or "revocation" in line]

    @pytest.mark.parametrize(
        ("due", "auth", "rule", "mark", "verb"),
        [
            (
                60,
                "required",
                "refuse",
                "[+]",
                "runs",
            ),
            (
                0.5,
                "required",
                "refuse",
                "[!]",
                "runs",
            ),
            (
                -1,
                "optional",
                "refuse",
                "[!]",
                "ran",
            ),
            (
                -1,
                "required",
                "accept",
                "[!]",
                "ran",
            ),
            (
                -1,
                "required",
                "refuse",
                "[-]",
                "ran",
            ),
        ],
    )
    async def test_a_revocation_list_near_or_past_its_end_changes_the_grade(
        self, service: LiveService, tmp_path: Path, due: float, auth: str, rule: str, mark: str, verb: str
    ) -> None:
        (tmp_path / "ca.crl").write_bytes(
            forge_crl(self.authority, next_update=datetime.now(UTC) + due * DAY)
        )
        (line,) = self.lines(service, tmp_path, auth, rule)
        assert line.startswith(
            f"{mark} client CAs of 127.0.0.1:5039: revocation list of CN=Clients CA {verb} "
        )
        grades = {"[+]": Grade.GOOD, "[!]": Grade.DEGRADED, "[-]": Grade.BAD}
        assert readiness(service)[0] is grades[mark]


async def test_an_intermediate_counts_like_the_certificate(service: LiveService) -> None:
    middle = forge("Middle", ca=True, not_after=datetime.now(UTC) + 0.5 * DAY)
    leaf = forge(issuer=middle)
    pair = service.config.listeners[0].certificates[0]
    install(pair.chain.parent, leaf.pem + middle.pem, leaf.key_pem)
    assert service.stores[0].reload("test").outcome == "swapped"
    assert readiness(service)[0] is Grade.DEGRADED
    assert "CN=Middle, which signs it, expires in 11 hours" in lines(service)[1]


@pytest.mark.parametrize(("ready", "grade"), [("listening", Grade.DEGRADED), ("upstream", Grade.BAD)])
async def test_without_asterisk_the_grade_depends_on_the_setting(
    service: LiveService, ready: str, grade: Grade
) -> None:
    service.config = msgspec.structs.replace(service.config, ready=ready)
    assert readiness(service)[0] is Grade.GOOD
    service.link.state = LinkState.DOWN
    assert readiness(service)[0] is grade


@pytest.mark.parametrize(
    ("left", "grade", "mark"),
    [
        (timedelta(days=8), Grade.GOOD, "[+]"),
        (timedelta(days=6), Grade.DEGRADED, "[!]"),
        (timedelta(seconds=-1), Grade.BAD, "[-]"),
    ],
)
async def test_a_certificate_near_its_end_changes_the_grade(
    service: LiveService, monkeypatch: pytest.MonkeyPatch, left: timedelta, grade: Grade, mark: str
) -> None:
    end = service.stores[0].current.pairs[0].ending.at

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return (end - left).astimezone(UTC)

    monkeypatch.setattr(health, "datetime", Clock)
    assert readiness(service)[0] is grade
    assert lines(service)[1].startswith(f"{mark} certificate of 127.0.0.1:5039: dns:localhost expire")


class TestSeveralServers:
    @pytest.fixture
    async def service(self, tmp_path: Path) -> LiveService:
        return LiveService(tmp_path, servers=Configured(("pbx1", "pbx2"), named=True))

    async def test_one_that_is_down_is_named_and_degrades_even_with_ready_upstream(
        self, service: LiveService
    ) -> None:
        service.config = msgspec.structs.replace(service.config, ready="upstream")
        service.links["pbx1"].state = LinkState.UP
        assert readiness(service)[0] is Grade.DEGRADED
        assert lines(service)[-2:] == ["[+] upstream pbx1: up", "[!] upstream pbx2: connecting"]

    @pytest.mark.parametrize(("ready", "grade"), [("listening", Grade.DEGRADED), ("upstream", Grade.BAD)])
    async def test_without_any_the_grade_depends_on_the_setting(
        self, service: LiveService, ready: str, grade: Grade
    ) -> None:
        service.config = msgspec.structs.replace(service.config, ready=ready)
        assert readiness(service)[0] is grade
