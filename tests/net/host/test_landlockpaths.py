"""Paths that stay readable: enough for every usual way to put new files in place, and no system secrets."""

import os
from pathlib import Path

import pytest

from amiproxy.net.host import landlockpaths
from amiproxy.net.host.landlockpaths import around, system


def named(folder: Path, places: set[Path]) -> set[str]:
    return {str(place.relative_to(folder)) for place in places if place.is_relative_to(folder)}


def test_a_plain_file_and_its_directory_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "x/current").mkdir(parents=True)
    (tmp_path / "x/current/server.crt").touch()
    assert named(tmp_path, around(tmp_path / "x/current/server.crt")) == {"x", "x/current"}


def test_every_link_on_the_path_may_be_pointed_elsewhere(tmp_path: Path) -> None:
    # acmetool's layout: the directory of each host is a link.
    (tmp_path / "acme/certs/one").mkdir(parents=True)
    (tmp_path / "acme/certs/one/fullchain").touch()
    (tmp_path / "acme/live").mkdir()
    (tmp_path / "acme/live/pbx.example").symlink_to("../certs/one")
    assert named(tmp_path, around(tmp_path / "acme/live/pbx.example/fullchain")) == {
        "acme",
        "acme/live",
        "acme/certs",
        "acme/certs/one",
    }


def test_a_file_that_does_not_exist_yet_may_be_created(tmp_path: Path) -> None:
    assert tmp_path in around(tmp_path / "later.crt")


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("/etc/ami-proxy/proxy.yaml", {"/etc/ami-proxy"}),
        ("/etc/proxy.yaml", {"/etc/proxy.yaml"}),
        ("/root/proxy.yaml", {"/root/proxy.yaml"}),
        ("/home/joe/server.key", {"/home/joe/server.key"}),
        ("/home/joe/tls/server.key", {"/home/joe/tls"}),
        ("/run/credentials/ami-proxy.service/tls.key", {"/run/credentials/ami-proxy.service"}),
        ("/var/lib/tls/server.key", {"/var/lib/tls"}),
        ("/srv/tls/server.key", {"/srv", "/srv/tls"}),
        ("/certs/tls.key", {"/certs"}),
    ],
)
def test_system_directories_are_never_included(
    path: str, places: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlockpaths, "hops", lambda path: (path.parent,))
    assert around(Path(path)) == set(map(Path, places))


def test_root_reads_no_more_of_etc_than_necessary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    places = set(system())
    assert Path("/etc") not in places
    assert Path("/etc/shadow") not in places
    assert {Path("/etc/resolv.conf"), Path("/etc/hosts"), Path("/etc/passwd")} <= places


def test_other_users_are_kept_from_secrets_there_by_file_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 990)
    assert Path("/etc") in set(system())


def test_information_about_other_processes_is_never_included() -> None:
    assert not {Path("/"), Path("/proc"), Path("/dev"), Path("/run"), Path("/var")} & set(system())
