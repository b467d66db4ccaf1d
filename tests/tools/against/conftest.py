from pathlib import Path

import pytest

from amiproxy.config import Config
from amiproxy.config.actions import ActionEntry
from amiproxy.config.address import Address, Place, SocketPlace
from amiproxy.config.schema import Certificate, Control, ListenerSettings, Metrics, UpstreamSettings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "proxy.yaml").touch()
    return tmp_path / "proxy.yaml"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration with every section."""
    return Config(
        upstream=UpstreamSettings(username="amiproxy", secret_file=tmp_path / "upstream.secret"),
        listeners=(
            ListenerSettings(
                address=Address("127.0.0.1", 5039),
                certificates=(Certificate(chain=tmp_path / "server.crt", key=tmp_path / "server.key"),),
            ),
        ),
        users_file=tmp_path / "users.yaml",
        control=Control(socket=SocketPlace(path=tmp_path / "c.sock")),
        metrics=Metrics(address=Place(address=Address("127.0.0.1", 9539))),
        actions={"Foo": ActionEntry(classes=("call",), headers={"Name": "text"})},
    )
