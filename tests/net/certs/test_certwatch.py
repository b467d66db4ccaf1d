"""The watch notices every way in which renewals put files in place, and nothing else."""

import asyncio
import logging
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from amiproxy.net.certs import certwatch
from amiproxy.net.certs.certwatch import CertWatch

DEADLINE = 10.0
Change = Callable[[Path], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Runs a coroutine function on either loop."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def go(main: Callable[[], Awaitable[None]]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(main(), DEADLINE))  # type: ignore[arg-type]

    return go


@pytest.fixture(params=["inotify", "polling"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "polling":
        monkeypatch.setattr(certwatch, "_HAS_INOTIFY", False)
    return str(request.param)


class Watched:
    """A running watch, and the changes that it reported."""

    def __init__(self, *paths: Path) -> None:
        self.told = asyncio.Event()
        self.count = 0
        self.watch = CertWatch(lambda: paths, self.note, poll_interval=0.01)

    def note(self) -> None:
        self.count += 1
        self.told.set()

    async def __aenter__(self) -> "Watched":
        self._task = asyncio.get_running_loop().create_task(self.watch.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        assert self._task.cancelled()

    async def armed(self, mode: str) -> None:
        while self.watch.mode != mode:  # noqa: ASYNC110 (one pass of the loop, no waiting)
            await asyncio.sleep(0)

    async def sees(self, change: Callable[[], object]) -> None:
        self.told.clear()
        change()
        await self.told.wait()


def rewrite(directory: Path) -> None:
    (directory / "tls/file").write_text("new")


def rename_over(directory: Path) -> None:
    (directory / "tls/.file").write_text("new")
    (directory / "tls/.file").replace(directory / "tls/file")


def remove(directory: Path) -> None:
    (directory / "tls/file").unlink()


def change_mode(directory: Path) -> None:
    (directory / "tls/file").chmod(0o640)


def move_directory_away(directory: Path) -> None:
    (directory / "tls").rename(directory / "old")


def replace_directory(directory: Path) -> None:
    shutil.copytree(directory / "tls", directory / "next")
    (directory / "tls").rename(directory / "old")
    (directory / "next").rename(directory / "tls")


@pytest.mark.parametrize(
    "change", [rewrite, rename_over, remove, change_mode, move_directory_away, replace_directory]
)
def test_change_is_noticed(run: Callable[..., None], mode: str, tmp_path: Path, change: Change) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/file").write_text("old")

    async def main() -> None:
        async with Watched(tmp_path / "tls/file") as watched:
            await watched.armed(mode)
            await watched.sees(lambda: change(tmp_path))

    run(main)


def test_directory_that_comes_back_is_watched_again(
    run: Callable[..., None], mode: str, tmp_path: Path
) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/file").write_text("old")

    async def main() -> None:
        async with Watched(tmp_path / "tls/file") as watched:
            await watched.armed(mode)
            await watched.sees(lambda: shutil.rmtree(tmp_path / "tls"))
            await watched.sees(lambda: shutil.copytree(tmp_path, tmp_path / "tls") and rewrite(tmp_path))
            await watched.sees(lambda: (tmp_path / "tls/file").write_text("newer"))

    run(main)


def test_data_link_of_kubernetes_is_followed(run: Callable[..., None], mode: str, tmp_path: Path) -> None:
    def publish(name: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        (tmp_path / "..tmp").symlink_to(name)
        (tmp_path / "..tmp").replace(tmp_path / "..data")

    publish("..1")
    (tmp_path / "file").symlink_to("..data/file")

    async def main() -> None:
        async with Watched(tmp_path / "file") as watched:
            await watched.armed(mode)
            for number in range(2, 5):
                await watched.sees(lambda name=f"..{number}": publish(name))  # type: ignore[misc]
                shutil.rmtree(tmp_path / f"..{number - 1}")
            # In the directory that has just become current:
            await watched.sees(lambda: (tmp_path / "..4/file").write_text("in place"))

    run(main)


def test_link_to_another_directory_is_followed(run: Callable[..., None], mode: str, tmp_path: Path) -> None:
    for name in ("live", "archive"):
        (tmp_path / name).mkdir()
    for number in (1, 2):
        (tmp_path / f"archive/key{number}").write_text(str(number))
    (tmp_path / "live/key").symlink_to("../archive/key1")

    def re_point() -> None:
        (tmp_path / "live/new").symlink_to("../archive/key2")
        (tmp_path / "live/new").replace(tmp_path / "live/key")

    async def main() -> None:
        async with Watched(tmp_path / "live/key") as watched:
            await watched.armed(mode)
            await watched.sees(re_point)
            await watched.sees(lambda: (tmp_path / "archive/key2").write_text("in place"))

    run(main)


def test_other_files_in_the_directory_are_ignored(
    run: Callable[..., None], mode: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("old")

    async def main() -> None:
        async with Watched(tmp_path / "file") as watched:
            await watched.armed(mode)
            (tmp_path / "neighbour").write_text("noise")
            await watched.sees(lambda: (tmp_path / "file").write_text("new content"))
            assert watched.count == 1

    run(main)


def test_fallback_to_polling_is_logged_once(
    run: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(certwatch.Inotify, "add_watch", refuse)
    (tmp_path / "file").write_text("old")

    async def main() -> None:
        async with Watched(tmp_path / "file") as watched:
            await watched.sees(lambda: (tmp_path / "file").write_text("new"))
            await watched.sees(lambda: (tmp_path / "file").write_text("newer"))
            assert watched.watch.mode == "polling"

    with caplog.at_level(logging.WARNING):
        run(main)
    assert "fs.inotify.max_user_watches" in reason_of(caplog)


def test_directory_that_may_not_be_listed_is_polled(
    run: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(_: object, path: Path, *__: object) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(certwatch.Inotify, "add_watch", refuse)
    (tmp_path / "file").write_text("old")

    async def main() -> None:
        async with Watched(tmp_path / "file") as watched:
            await watched.sees(lambda: (tmp_path / "file").write_text("new"))

    run(main)
    assert f"no permission to list {tmp_path}" in reason_of(caplog)


def test_network_file_system_is_polled(
    run: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(certwatch, "_file_system", lambda _: "nfs4")
    (tmp_path / "file").write_text("old")

    async def main() -> None:
        async with Watched(tmp_path / "file") as watched:
            await watched.sees(lambda: (tmp_path / "file").write_text("new"))

    run(main)
    assert "is on nfs4" in reason_of(caplog)


def reason_of(caplog: pytest.LogCaptureFixture) -> str:
    """The reasons for polling, as logged once."""
    (record,) = caplog.records
    assert record.getMessage() == "certificates-polled"
    return record.fields["reason"]  # type: ignore[attr-defined, no-any-return]


def test_file_system_is_read_from_the_mount_table() -> None:
    assert certwatch._file_system(Path("/proc")) == "proc"
    assert certwatch._file_system(Path("/nowhere")) == ""


def test_other_paths_are_watched_after_a_check(run: Callable[..., None], mode: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths = [tmp_path / "a/file"]

    async def main() -> None:
        watched = Watched()
        watched.watch = CertWatch(lambda: paths, watched.note, poll_interval=0.01)
        async with watched:
            await watched.armed(mode)
            paths[0] = tmp_path / "b/file"
            await watched.sees(watched.watch.look)
            await watched.sees(lambda: (tmp_path / "b/file").write_text("new"))

    run(main)
