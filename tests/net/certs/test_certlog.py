"""The log lines about certificates."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from amiproxy.config import Tls
from amiproxy.net.certs.certlog import tell_expiry, tell_reload
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.rotation import ExpiryNotice
from amiproxy.x509.ending import Ending
from amiproxy.x509.expiry import Expiry
from amiproxy.x509.facts import facts_of
from tests.support.certificates import DAY, forge, install, listener_of, pair_of

FIRST = forge("pbx.example", not_after=datetime.now(UTC) + DAY)


@pytest.fixture
def store(tmp_path: Path) -> CertStore:
    install(tmp_path, FIRST.pem, FIRST.key_pem)
    return CertStore(listener_of((pair_of(tmp_path / "server.crt", tmp_path / "server.key"),)), Tls())


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="amiproxy")


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, dict[str, Any]]]:
    return [(record.levelname, record.getMessage(), record.fields) for record in caplog.records]  # type: ignore[attr-defined]


def test_a_swap_is_logged_with_old_and_new_fingerprint(
    store: CertStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new = forge("pbx.example")
    install(tmp_path, new.pem, new.key_pem)
    tell_reload(store.reload("SIGHUP"))
    said, served = lines(caplog)
    assert said == ("INFO", "certificates", {"outcome": "swapped", "trigger": "SIGHUP", "generation": 2})
    facts, before = facts_of(new.certificate), facts_of(FIRST.certificate)
    assert served[:2] == ("INFO", "certificate-served")
    assert (served[2]["sha256"], served[2]["before_sha256"]) == (facts.sha256, before.sha256)
    assert (served[2]["serial"], served[2]["before_serial"]) == (facts.serial, before.serial)
    assert served[2]["names"] == "dns:pbx.example"
    assert "PRIVATE" not in str(lines(caplog))


def test_the_first_certificate_is_logged_without_a_previous_one(
    store: CertStore, caplog: pytest.LogCaptureFixture
) -> None:
    tell_reload(store.last_result)
    served = lines(caplog)[1][2]
    assert served["sha256"] == facts_of(FIRST.certificate).sha256
    assert served["before_sha256"] is None


def test_a_refusal_is_logged_with_file_and_reason(
    store: CertStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = forge()
    install(tmp_path, other.pem, FIRST.key_pem)
    tell_reload(store.reload("watch"))
    said, refused = lines(caplog)
    assert said == ("ERROR", "certificates", {"outcome": "failed", "trigger": "watch", "generation": 1})
    assert refused[:2] == ("ERROR", "certificate-refused")
    assert refused[2]["file"] == str(tmp_path / "server.key")
    assert "does not belong to certificate" in refused[2]["reason"]


def test_a_doubt_is_logged_as_a_warning(
    store: CertStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new = forge()
    install(tmp_path, new.pem, new.key_pem)
    (tmp_path / "server.crt").chmod(0o664)
    tell_reload(store.reload("watch"))
    (doubt,) = [line for line in lines(caplog) if line[1] == "certificate-doubtful"]
    assert doubt[0] == "WARNING"
    assert "lets others change it" in doubt[2]["reason"]


@pytest.mark.parametrize(
    ("state", "level"), [(Expiry.NOTICE, "WARNING"), (Expiry.WARNING, "WARNING"), (Expiry.URGENT, "ERROR")]
)
def test_a_coming_expiry_is_logged_by_its_state(
    state: Expiry, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    ending = Ending("certificate", "dns:x", datetime.now(UTC), datetime.now(UTC))
    tell_expiry(ExpiryNotice(ending, state, (), "certificate of x expires in 1 day"))
    reason = "certificate of x expires in 1 day"
    assert lines(caplog) == [(level, "certificate-expires", {"state": str(state), "reason": reason})]
