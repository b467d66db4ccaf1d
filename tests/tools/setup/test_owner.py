"""The user of Asterisk's port and of its console, by real sockets."""

import os
import socket
from pathlib import Path

from amiproxy.tools.setup.owner import Owners, owners
from amiproxy.tools.setup.wishes import AsteriskAddress
from tests.support.ports import free_port
from tests.tools.doctor.manager import Manager


def test_who_listens_is_found(tmp_path: Path) -> None:
    console = tmp_path / "asterisk.ctl"
    with Manager() as manager, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(console))
        listener.listen()
        assert owners(AsteriskAddress(port=manager.port), console) == (os.geteuid(), os.geteuid())


def test_nothing_is_known_where_nothing_listens(tmp_path: Path) -> None:
    assert owners(AsteriskAddress(port=free_port()), tmp_path / "nowhere") == Owners()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left"))
    assert owners(AsteriskAddress(port=free_port()), tmp_path / "left") == Owners()


def test_what_is_no_asterisk_manager_has_no_owner(tmp_path: Path) -> None:
    with Manager(banner=b"220 mail.example.org ESMTP\r\n") as manager:
        assert owners(AsteriskAddress(port=manager.port), tmp_path / "nowhere").port is None
