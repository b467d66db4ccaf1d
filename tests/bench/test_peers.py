"""The peers that are the proxy in another form."""

import subprocess
from pathlib import Path

import yaml

from amiproxy.config.loading import load
from tests.bench.accounts import board
from tests.bench.peers import Ours, OursCompiled, Place, with_door, with_servers

TOP = Path(__file__).parents[2]


def test_the_compiled_proxy_runs_from_its_folder_and_not_the_tree(tmp_path, monkeypatch):
    folder = tmp_path / "compiled"
    monkeypatch.setattr(OursCompiled, "_folder", folder)
    assert "make build/compiled" in OursCompiled.missing()
    (folder / "amiproxy").mkdir(parents=True)
    (folder / "core__mypyc.so").touch()
    (folder / "amiproxy/__init__.py").touch()
    (folder / "amiproxy/__main__.py").write_text("print('this one')\n")
    assert OursCompiled.missing() == ""
    command = OursCompiled(Place(tmp_path), 1, []).command()
    said = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True)
    assert said.stdout == "this one\n"


def test_the_proxy_with_several_servers_has_a_link_to_each_and_users_who_see_all(tmp_path):
    kind = with_servers(Ours, 5)
    assert kind.name == "ami-proxy, 5 servers"
    kind(Place(tmp_path), 1, [board()]).command()
    loaded = load(tmp_path / kind.name / "proxy.yaml")
    assert [server.username for server in loaded.config.servers.values()] == [f"bench{n}" for n in range(5)]
    assert loaded.users.users["board"].servers == ("*",)


def test_the_proxy_by_http_has_one_listener_and_users_of_this_door(tmp_path):
    kind = with_door(Ours, "ws")
    assert kind.name == "ami-proxy, ws"
    kind(Place(tmp_path), 1, [board()]).command()
    written = yaml.safe_load((tmp_path / kind.name / "proxy.yaml").read_text())
    assert [(listener["door"], listener["doors"]) for listener in written["listeners"]] == [("http", ["ws"])]
    users = yaml.safe_load((tmp_path / kind.name / "users.yaml").read_text())["users"]
    assert users["board"]["doors"] == ["ws"]
