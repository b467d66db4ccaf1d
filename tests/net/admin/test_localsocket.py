import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiproxy.net.admin import localsocket
from amiproxy.net.admin.localsocket import SocketRefused, UnixListener, credentials_of


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """The path for a socket, under a umask that would allow everything."""
    before = os.umask(0)
    yield tmp_path / "c.sock"
    os.umask(before)


def test_only_we_and_root_can_open_it_whatever_the_umask(path: Path) -> None:
    listener = UnixListener(path)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert stat.S_ISSOCK(path.lstat().st_mode)
    listener.close()
    assert not path.exists()


def test_its_file_never_has_another_mode(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    listen = socket.socket.listen

    class Watched(socket.socket):
        def bind(self, address: object) -> None:
            super().bind(address)
            modes.append(stat.S_IMODE(path.lstat().st_mode))

        def listen(self, backlog: int = 1) -> None:
            modes.append(stat.S_IMODE(path.lstat().st_mode))
            listen(self, backlog)

    monkeypatch.setattr(localsocket.socket, "socket", Watched)
    UnixListener(path).close()
    assert modes == [0o600, 0o600]


def test_a_clients_identity_comes_from_the_kernel(path: Path) -> None:
    listener = UnixListener(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        listener.socket.setblocking(True)
        server, _ = listener.socket.accept()
        with server:
            assert credentials_of(server) == (os.getpid(), os.getuid(), os.getgid())
    listener.close()


def test_a_socket_left_by_a_dead_process_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = UnixListener(path)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    listener.close()


def test_a_socket_in_use_is_left_alone(path: Path) -> None:
    first = UnixListener(path)
    with pytest.raises(SocketRefused, match="is in use; stop the ami-proxy that serves it"):
        UnixListener(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    first.close()


def test_a_file_that_is_not_a_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(SocketRefused, match="exists and is not a socket"):
        UnixListener(path)
    assert path.read_text() == "precious"


def test_another_processs_socket_is_not_removed_on_close(path: Path) -> None:
    first = UnixListener(path)
    path.unlink()
    second = UnixListener(path)
    first.close()
    assert path.exists()
    second.close()
    second.close()


def test_a_folder_that_others_may_write_to_is_refused(path: Path) -> None:
    path.parent.chmod(0o777)
    with pytest.raises(SocketRefused, match=r"has mode 0777: .*; chmod o-w"):
        UnixListener(path)
    path.parent.chmod(0o1777)  # sticky: they cannot
    UnixListener(path).close()


@pytest.mark.parametrize(
    ("name", "says"),
    [("none/c.sock", "No such file or directory; create"), ("x" * 120, "use a shorter path")],
)
def test_a_socket_that_cannot_be_created_is_reported_with_a_remedy(path: Path, name: str, says: str) -> None:
    with pytest.raises(SocketRefused, match=says):
        UnixListener(path.parent / name)


def test_a_file_system_without_modes_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localsocket.os, "fchmod", lambda *_: None)
    with pytest.raises(SocketRefused, match="put it on a file system that supports file modes"):
        UnixListener(path)
    assert not path.exists()
