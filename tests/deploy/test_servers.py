"""What deploy/servers.md shows can be used as it stands."""

import re
from pathlib import Path

import pytest

from amiproxy.ami.privilege import CALL
from amiproxy.config import Config, ConfigErrors, UsersFile, draft_config
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.userfiles import UsersReader
from amiproxy.config.users.usertable import table_of
from amiproxy.core.model.phc import dummy_hash
from amiproxy.steps import finish

TOP = Path(__file__).parents[2]
PAGE = (TOP / "deploy/servers.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LISTENER = """\
listeners: [{address: "[::]:5039", certificates: [{chain: c, key: k}]}]
users_file: users.yaml
"""


def config_of(folder: Path, block: str) -> Config:
    file = folder / "proxy.yaml"
    file.write_text(block.replace("expect_user: asterisk", "expect_user: root") + LISTENER)
    return draft_config(file)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.startswith("servers:")])
def test_each_configuration_is_accepted(tmp_path: Path, block: str) -> None:
    assert config_of(tmp_path, block).servers


def test_the_users_have_the_rights_that_the_page_says(tmp_path: Path) -> None:
    first = next(block for block in BLOCKS if block.startswith("servers:"))
    servers = config_of(tmp_path, first).server_names
    assert servers == ServerNames(("pbx1", "pbx2", "eu-1"), "pbx1", named=True)
    text = next(block for block in BLOCKS if block.startswith("users:"))
    reader = UsersReader(servers=servers)
    finish(reader.read_text(tmp_path / "users.yaml", text.replace("$argon2id$…", dummy_hash()).encode()))
    if reader.problems:
        raise ConfigErrors(reader.problems)
    users = table_of(UsersFile(users=reader.users), servers)
    wallboard, dialer = users.find(b"wallboard"), users.find(b"dialer")
    assert wallboard is not None
    assert dialer is not None
    assert wallboard.servers == dialer.servers == servers.names
    assert not wallboard.narrowed
    assert dialer.at("pbx1") is dialer
    assert (dialer.at("pbx2").write, dialer.at("pbx2").read) == (0, dialer.read)
    there = dialer.at("eu-1")
    assert (there.read, there.write) == (CALL, dialer.write)
    assert there.rules is not None
    assert there.rules.scope is not None
    assert [rule.header for rule in there.rules.rules] == ["CallerID"]
