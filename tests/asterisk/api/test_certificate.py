"""A user whose certificate is enough to log in needs no secret over HTTP either."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import yaml

from tests.asterisk.api.conftest import ApiProxy
from tests.asterisk.lab.asterisk import Asterisk


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certified(asterisk22: Asterisk, tmp_path: Path, ca: trustme.CA) -> Iterator[ApiProxy]:
    """A proxy that asks for certificates; those of ``kiosk`` and ``both`` are bound to users."""
    proxy = ApiProxy(tmp_path, asterisk22)
    ca.cert_pem.write_to_path(str(tmp_path / "clients.pem"))
    written: dict[str, Any] = yaml.safe_load(proxy.config.read_text())
    written["listeners"][1] |= {"client_auth": "optional", "client_ca": "clients.pem"}
    proxy.config.write_text(yaml.safe_dump(written, sort_keys=False))
    users = yaml.safe_load((tmp_path / "users.yaml").read_text())
    kiosk = {"read": "agent", "doors": ["api"], "login": "certificate"}
    users["users"]["kiosk"] = kiosk | {"certificate": ["dns:kiosk.example"]}
    users["users"]["board"] |= {"login": "both", "certificate": ["dns:both.example"]}
    (tmp_path / "users.yaml").write_text(yaml.safe_dump(users, sort_keys=False))
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    proxy.start(linked=True)
    try:
        yield proxy
        proxy.stop()
    finally:
        proxy.kill()


def client(proxy: ApiProxy, ca: trustme.CA, name: str) -> httpx.Client:
    """A client with a certificate of this name."""
    context = ssl.create_default_context(cafile=str(proxy.cafile))
    ca.issue_cert(name).configure_cert(context)
    return httpx.Client(base_url=f"{proxy.base}/api/v1", verify=context, timeout=30)


def test_a_certificate_is_enough_for_its_user_only(certified: ApiProxy, ca: trustme.CA) -> None:
    with client(certified, ca, "kiosk.example") as kiosk:
        assert [kiosk.get("/me").json()["user"] for _ in range(3)] == ["kiosk"] * 3
        status = certified.stderr.count(" login ")
        assert kiosk.get("/queues").status_code == 200
        assert certified.stderr.count(" login ") == status
    for name in ("both.example", "nobody.example"):
        with client(certified, ca, name) as other:
            assert other.get("/me").status_code == 401
