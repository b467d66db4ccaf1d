"""The Ansible role on a booted Debian 12: from nothing to a running service, and twice changes nothing."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amiproxy.cli import main
from amiproxy.core.model.phc import hash_secret
from amiproxy.tools.importers.asteriskconf import parse
from amiproxy.tools.setup.manager import secret_of
from tests.asterisk.lab.cache import Unavailable
from tests.deploy.conftest import TOP, booted
from tests.deploy.debian import Machine
from tests.support import ansible
from tests.support.requirements import give_up

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

SITE = """
- hosts: localhost
  connection: local
  gather_subset: [min]
  roles: [ami_proxy]
"""
#: With what begins a comment in manager.conf.
LINK_SECRET = "the-secret;of-the-link;--" + "x" * 30
HASHED = {name: hash_secret(f"secret of {name}".encode()) for name in ("wallboard", "dialer")}


class Controller:
    """Ansible in a machine, which is also the one that it works on."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.variables: dict[str, Any] = {}

    def play(self, *options: str, **changes: Any) -> tuple[int, dict[str, int], str]:
        """The exit status, the numbers of the recap, and all output."""
        self.machine.write("/root/play/vars.json", json.dumps(self.variables | changes).encode(), "0600")
        environment = ("PYTHONPATH=/root/ansible", "ANSIBLE_ROLES_PATH=/root/roles", "ANSIBLE_PIPELINING=1")
        play = ("/usr/bin/python3", "-m", "ansible", "playbook", "-i", "localhost,", "/root/play/site.yml")
        where = ("env", "-C", "/root/play", "LC_ALL=C.UTF-8", "HOME=/root", *environment)
        line = self.machine.inside(*where, *play, "-e", "@/root/play/vars.json", *options)
        # Longer than a single command may take: a play starts Python for each of its tasks.
        done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=600)
        recap = {
            name: int(number)
            for name, number in re.findall(r"(\w+)=(\d+)", done.stdout.rpartition("RECAP")[2])
        }
        return done.returncode, recap, done.stdout + done.stderr


@pytest.fixture(scope="module")
def controller(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    try:
        fetched = ansible.folder()
    except Unavailable as reason:
        give_up("SYSTEMD", reason)
    certs = tmp_path_factory.mktemp("certs")
    assert main(["certs", "init", str(certs / "ca")]) == 0
    issue = [
        "certs",
        "issue",
        "--ca",
        str(certs / "ca"),
        "--out",
        str(certs),
        "--file-name",
        "server",
        "localhost",
    ]
    assert main(issue) == 0
    for machine in booted("ansible"):
        for source, at in ((fetched, "/root"), (TOP / "deploy/ansible", "/root")):
            packed = subprocess.run(["tar", "-C", source, "-c", "."], check=True, capture_output=True).stdout
            machine.run("tar", "-x", "-C", at, stdin=packed)
        machine.run("sh", "-c", "dpkg -i /root/packages/*.deb")
        machine.write("/root/play/site.yml", SITE.encode())
        machine.write("/root/play/files/ami-proxy.deb", package.read_bytes())
        machine.write("/root/play/files/server.crt", (certs / "server.crt").read_bytes())
        one = Controller(machine)
        one.variables = {
            "ami_proxy_package": "files/ami-proxy.deb",
            "ami_proxy_upstream_secret": LINK_SECRET,
            "ami_proxy_upstream_expect_user": "",
            "ami_proxy_manager_conf": "/etc/ami-proxy.manager.conf",
            "ami_proxy_manager_group": "root",
            "ami_proxy_certificate": "files/server.crt",
            "ami_proxy_key": (certs / "server.key").read_text(),
            "ami_proxy_users": {"wallboard": {"secret": HASHED["wallboard"], "read": ["call"], "write": []}},
        }
        # In place of Asterisk's own command, whose effect a later test sees.
        machine.write("/usr/local/bin/asterisk", b'#!/bin/sh\necho "$@" >> /root/asterisk.log\n', "0755")
        yield one


def users_of(machine: Machine) -> set[str]:
    return {user["name"] for user in json.loads(machine.run("ami-proxy", "ctl", "users", "--json").stdout)}


def test_the_role_makes_a_service_and_then_changes_only_what_is_asked(controller: Controller) -> None:
    machine = controller.machine
    # Check mode on a bare machine: it says what it can, and does nothing.
    status, recap, output = controller.play("--check", "--diff")
    assert (status, recap["failed"]) == (0, 0), output
    assert machine.run("ls", "/usr/bin/ami-proxy", "/etc/ami-proxy", check=False).returncode != 0

    status, recap, output = controller.play("--diff")
    assert (status, recap["failed"]) == (0, 0), output
    assert machine.show("ami-proxy", "ActiveState") == "active"
    assert machine.show("ami-proxy", "UnitFileState") == "enabled"
    assert users_of(machine) == {"wallboard"}
    assert machine.run("cat", "/root/asterisk.log").stdout == "-rx manager reload\n"
    names = ("upstream.secret", "certs/server.key", "users.yaml", "proxy.yaml")
    paths = (*(f"/etc/ami-proxy/{name}" for name in names), "/etc/ami-proxy.manager.conf")
    modes = machine.run("stat", "-c", "%a %U:%G", *paths)
    assert modes.stdout.splitlines() == ["640 root:ami-proxy"] * 4 + ["640 root:root"]
    secrets = (LINK_SECRET, HASHED["wallboard"], "PRIVATE KEY")
    assert [secret for secret in secrets if secret in output] == []
    [account] = parse("manager.conf", machine.run("cat", paths[-1]).stdout, lambda _: []).sections
    assert secret_of(account).decode() == LINK_SECRET

    status, recap, output = controller.play()
    assert (status, recap["changed"]) == (0, 0), output

    more = controller.variables["ami_proxy_users"] | {
        "dialer": {"secret": HASHED["dialer"], "write": ["originate"]}
    }
    process = machine.show("ami-proxy", "MainPID")
    status, recap, output = controller.play("--check", "--diff", ami_proxy_users=more)
    assert (status, recap["changed"] > 0) == (0, True), output
    assert users_of(machine) == {"wallboard"}
    assert HASHED["dialer"] not in output
    status, recap, output = controller.play(ami_proxy_users=more)
    assert status == 0, output
    assert users_of(machine) == {"wallboard", "dialer"}
    assert machine.show("ami-proxy", "MainPID") == process  # reloaded: sessions stay

    # What is invalid is not put in place.
    for changes, file in (
        ({"ami_proxy_users": {"new": {"secret": "plain", "read": ["call"]}}}, "users.yaml"),
        ({"ami_proxy_users": more, "ami_proxy_settings": {"limits": {"conections": 5}}}, "proxy.yaml"),
    ):
        before = machine.run("cat", f"/etc/ami-proxy/{file}").stdout
        status, recap, output = controller.play(**changes)
        assert (status != 0, recap["failed"], recap["changed"]) == (True, 1, 0), output
        assert machine.run("cat", f"/etc/ami-proxy/{file}").stdout == before


@pytest.mark.parametrize(
    "changes",
    [
        {"ami_proxy_upstream_secret": "two\nlines"},
        {"ami_proxy_package": ""},
        {"ami_proxy_repository": "https://packages.example.org"},
        {"ami_proxy_key": ""},
    ],
)
def test_variables_that_do_not_fit_are_refused_first(
    controller: Controller, changes: dict[str, object]
) -> None:
    status, recap, output = controller.play("--check", **changes)
    assert (status != 0, recap["failed"], recap["ok"]) == (True, 1, 1), output
