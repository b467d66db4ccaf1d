"""A folder with all the files of a working configuration."""

from pathlib import Path

import pytest

from amiproxy.core.model.phc import hash_secret

CONFIG = """\
upstream: {username: amiproxy, secret_file: upstream.secret}
listeners:
  - address: "127.0.0.1:0"
    certificates: [{chain: server.crt, key: server.key}]
users_file: users.yaml
"""


@pytest.fixture
def cheap_hash() -> str:
    return hash_secret(b"wallsecret", memory_kib=64, passes=1)


@pytest.fixture
def folder(tmp_path: Path, cheap_hash: str) -> Path:
    """Contains proxy.yaml, users.yaml and the files they name, all valid."""
    tmp_path.chmod(0o700)
    for name, text in {
        "proxy.yaml": CONFIG,
        "users.yaml": f'users:\n  wallboard:\n    secret: "{cheap_hash}"\n    read: [call]\n',
        "upstream.secret": "proxysecret\n",
        "server.crt": "(a chain)",
        "server.key": "(a key)",
        "clients-ca.crt": "(a trust store)",
        "clients.crl": "(a list)",
    }.items():
        file = tmp_path / name
        file.write_text(text)
        file.chmod(0o640)
    return tmp_path
