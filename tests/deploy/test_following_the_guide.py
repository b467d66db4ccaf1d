"""A booted Debian 12 with Asterisk, set up and run by what the operator's pages say, line by line."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.first_event import reach_first_event
from tests.deploy.follower import Follower
from tests.deploy.site import CLIENT, NAME, Site
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.timeout(900), pytest.mark.long, pytest.mark.asterisk]

GUIDE, INSTALL = "deploy/README.md", "deploy/install.md"
CERTS, FAIL2BAN = "certs/README.md", "deploy/fail2ban/README.md"


class Operation:
    """The tasks that the pages describe, in an order in which an operator may do them."""

    def __init__(self, site: Site, package: Path) -> None:
        self.site = site
        self.pbx = site.pbx
        self.guide = Follower(site)
        self.package = package
        self.secret = ""

    def reach_first_event(self) -> None:
        """From the package to the first event at a client that is not ours."""
        measured = reach_first_event(self.guide, self.package)
        sys.stdout.write(f"\n{measured}\n")
        assert len(measured.commands) <= 6
        assert measured.seconds < 300
        assert measured.event == "QueueMemberAdded support"
        self.secret = measured.secret

    def connect(self) -> None:
        said = self.guide.section(GUIDE, "Connect a client", typed="Action: Logoff\r\n\r\n")
        assert "Goodbye" in said
        assert "Authentication accepted" in self.log_in()

    def log_in(self, secret: str = "", *options: str) -> str:
        """What is sent to a client that logs in as wallboard and logs off."""
        login = f"Action: Login\r\nUsername: wallboard\r\nSecret: {secret or self.secret}\r\n\r\n"
        line = self.site.client(
            *("openssl", "s_client", "-connect", f"{NAME}:5039", "-CAfile", "ca.crt"),
            *("-verify_return_error", "-quiet", *options),
        )
        typed = f"{login}Action: Logoff\r\n\r\n"
        done = subprocess.run(line, check=False, input=typed, capture_output=True, text=True, timeout=30)
        return done.stdout + done.stderr

    def journal(self) -> str:
        return self.pbx.run("journalctl", "--unit", "ami-proxy", "--output", "cat", "--no-pager").stdout

    def install(self) -> None:
        self.pbx.write(f"/root/{self.package.name}", self.package.read_bytes())
        self.guide.section(GUIDE, "Install")
        self.pbx.run("ami-proxy", "--version")

    def set_up_by_hand(self) -> None:
        self.guide.section(GUIDE, "Prepare Asterisk")
        self.guide.section(CERTS, "Start without a CA of your own")
        said = self.guide.section(GUIDE, "The first user")
        self.secret = next(line for line in said.splitlines() if line.startswith("secret: ")).split()[1]

    def start(self) -> None:
        self.guide.section(GUIDE, "Check and run", 0, 1)
        ca = self.pbx.run("cat", "/etc/ami-proxy/ca/ca.crt").stdout
        (self.site.folder / "ca.crt").write_text(ca)
        assert "Authentication accepted" in self.log_in()

    def ask_the_doctor(self) -> None:
        """After a setup nothing is left to do but what it cannot know in a container."""
        said = self.guide.section(GUIDE, "Check and run", 2, status=1)
        doubts = [line for line in said.splitlines() if line.startswith(("warn", "?", "fail"))]
        assert [line.split()[1] for line in doubts] == ["clock"], said
        assert "its port belongs to asterisk, as expected" in said

    def reload(self) -> None:
        """A good reload, then a bad one, which changes nothing."""
        self.pbx.run("sh", "-c", "printf '# mine\n' >> /etc/ami-proxy/proxy.yaml")
        self.guide.section(GUIDE, "Reload", 0)
        assert "reloaded" in self.journal()
        before = self.pbx.run("cat", "/etc/ami-proxy/users.yaml").stdout
        self.write("users.yaml", before + "  broken: {secret: plain text}\n")
        # The page has the reader check first; without that, the reload itself reports the error.
        self.guide.section(GUIDE, "Reload", 0, status=1)
        assert self.pbx.run("systemctl", "reload", "ami-proxy", check=False).returncode != 0
        assert "users.broken" in self.guide.section(GUIDE, "Reload", 1)
        assert "Authentication accepted" in self.log_in()
        self.write("users.yaml", before)
        self.guide.section(GUIDE, "Reload", 0)

    def change_users(self) -> None:
        """A second user comes, changes and goes; the first one is left alone."""
        before = self.pbx.run("cat", "/etc/ami-proxy/users.yaml").stdout
        self.guide.section(GUIDE, "Change users")
        assert self.pbx.run("cat", "/etc/ami-proxy/users.yaml").stdout == before
        assert "Authentication accepted" in self.log_in()

    def read_the_log(self) -> None:
        assert "login" in self.guide.section(GUIDE, "The log")

    def stop_and_start(self) -> None:
        self.guide.section(GUIDE, "Stop")
        assert self.pbx.show("ami-proxy", "ActiveState") == "inactive"
        assert self.pbx.show("ami-proxy", "ExecMainStatus") == "0"
        self.pbx.run("systemctl", "start", "ami-proxy")

    def write(self, name: str, content: str) -> None:
        """Into the same file, which keeps its owner and mode, as an editor does."""
        self.pbx.run("sh", "-c", 'cat > "$0"', f"/etc/ami-proxy/{name}", stdin=content.encode())

    # Certificates.

    def issue(self, folder: str, chain: str, key: str, *options: str) -> str:
        """A new pair from the same CA, as whatever renews certificates leaves it; its fingerprint."""
        script = """
        mkdir -p "$0" && cd "$0"
        chain=$1 key=$2
        shift 2
        ami-proxy certs issue --ca /etc/ami-proxy/ca --file-name pair --replace "$@" \\
            pbx.example.org 192.0.2.10
        mv pair.crt "$chain"
        mv pair.key "$key"
        """
        self.pbx.run("sh", "-e", "-c", script, folder, chain, key, *options)
        return self.fingerprint(f"{folder}/{chain}")

    def fingerprint(self, path: str) -> str:
        shown = self.pbx.run("openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256").stdout
        return shown.partition("=")[2].strip()

    def served(self) -> str:
        """The fingerprint of the certificate that a client is sent."""
        line = self.site.client("openssl", "s_client", "-connect", f"{NAME}:5039")
        sent = subprocess.run(line, check=False, input="", capture_output=True, text=True, timeout=30)
        shown = subprocess.run(
            ("openssl", "x509", "-noout", "-fingerprint", "-sha256"),
            check=True, input=sent.stdout, capture_output=True, text=True,
        )  # fmt: skip
        return shown.stdout.partition("=")[2].strip()

    def renew(self) -> None:
        """The timer's service renews a certificate that is about to expire, and leaves a fresh one alone."""
        assert self.pbx.show("ami-proxy-certificate.timer", "UnitFileState") == "enabled"
        assert self.pbx.show("ami-proxy-certificate.timer", "ActiveState") == "active"
        old = self.served()
        self.pbx.run("systemctl", "start", "ami-proxy-certificate.service")
        assert self.served() == old
        expiring = self.issue("/root", "fullchain.pem", "privkey.pem", "--days", "10")
        self.guide.section(CERTS, "scp, Ansible, by hand")
        assert self.served() == expiring != old
        before = self.edited()
        self.pbx.run("systemctl", "start", "ami-proxy-certificate.service")
        wait_until(lambda: self.served() not in (old, expiring), self.journal, within=60)
        owners = [line for line in before.splitlines() if " root:ami-proxy " in line]
        assert [line for line in self.edited().splitlines() if " root:ami-proxy " in line] == owners

    def rotate(self) -> None:
        self.renew()
        installed = self.issue("/root", "fullchain.pem", "privkey.pem")
        self.guide.section(CERTS, "scp, Ansible, by hand")
        assert self.served() == installed

        # certbot calls its hooks with the folder that it has renewed.
        self.pbx.run("mkdir", "-p", "/etc/letsencrypt/renewal-hooks/deploy")
        self.guide.section(CERTS, "certbot")
        hook = ("/etc/letsencrypt/renewal-hooks/deploy/ami-proxy",)
        other = self.issue("/etc/letsencrypt/live/www.example.org", "fullchain.pem", "privkey.pem")
        self.pbx.run("env", "RENEWED_LINEAGE=/etc/letsencrypt/live/www.example.org", *hook)
        assert self.served() == installed != other
        renewed = self.issue("/etc/letsencrypt/live/pbx.example.org", "fullchain.pem", "privkey.pem")
        self.pbx.run("env", "RENEWED_LINEAGE=/etc/letsencrypt/live/pbx.example.org", *hook)
        assert self.served() == renewed

        # step writes its files and then runs the command after --exec, for ever; here once.
        stepped = self.issue("/root/step", "chain", "key")
        self.pbx.write("/usr/bin/step", _STEP, mode="0755")
        self.pbx.run("mkdir", "/etc/step")
        self.guide.section(CERTS, "step-ca")
        wait_until(lambda: self.served() == stepped, self.journal, within=60)

        self.issue("/root", "new.crt", "new.key")
        self.guide.section(CERTS, "What happens at a reload")

    def use_client_certificates(self) -> None:
        before = {name: self.pbx.run("cat", f"/etc/ami-proxy/{name}").stdout for name in _CONFIGURATION}
        heading = "Let clients log in with certificates"
        self.guide.section(CERTS, heading)
        for name in _CONFIGURATION:
            self.guide.snippet(CERTS, heading, name)
        self.guide.section(GUIDE, "Reload", 0)
        for name in ("wallboard.crt", "wallboard.key"):
            (self.site.folder / name).write_text(self.pbx.run("cat", f"/root/{name}").stdout)
        mine = ("-cert", "wallboard.crt", "-key", "wallboard.key")
        assert "Authentication accepted" in self.log_in("none", *mine)
        assert "Authentication failed" in self.log_in()
        self.guide.section(CERTS, "Revoke a client certificate")
        wait_until(lambda: "Authentication accepted" not in self.log_in("none", *mine), self.journal)
        for name, content in before.items():
            self.write(name, content)
        self.guide.section(GUIDE, "Reload", 0)

    def ban(self) -> None:
        """fail2ban bans the client's address in the kernel, and lifts the ban."""
        self.guide.section(FAIL2BAN, "Set it up", 0, 1)
        wait_until(lambda: self.pbx.run("fail2ban-client", "ping", check=False).returncode == 0)
        attempts = 0
        while CLIENT not in (rules := self.pbx.run("nft", "list", "ruleset").stdout):
            self.log_in("wrong")
            attempts += 1
            assert attempts < 20, rules + self.pbx.run("tail", "/var/log/fail2ban.log").stdout
        assert CLIENT in self.guide.section(FAIL2BAN, "Set it up", 2)
        assert "Authentication" not in self.log_in()
        self.guide.section(FAIL2BAN, "Set it up", 3)
        assert "Authentication accepted" in self.log_in()

    # Versions.

    def upgrade_and_roll_back(self) -> None:
        """To a version that knows one more key, and back; edited files stay."""
        now = self.package.name.split("_")[1]
        self.guide.placeholders = {"NEW": _LATER, "OLD": now}
        self.pbx.run("sh", "-e", "-c", _REPACK, self.package.name, _LATER)
        before = self.edited()
        assert "# mine" in before

        # An upgrade takes a restart, which the check says by its status.
        said = self.guide.section(INSTALL, "Upgrade and roll back", 0, status=4)
        assert f"{now} -> {_LATER}" in said
        self.guide.section(INSTALL, "Upgrade and roll back", 1)
        assert self.version() == _LATER
        assert self.edited() == before
        assert "Authentication accepted" in self.log_in()

        self.pbx.run("sh", "-c", "echo 'of_a_later_version: true' >> /etc/ami-proxy/proxy.yaml")
        self.guide.section(GUIDE, "Reload", 0)
        refused = self.guide.section(INSTALL, "Roll back", 0, status=1)
        assert "of_a_later_version: unknown key" in refused
        self.pbx.run("sed", "-i", "/of_a_later_version/d", "/etc/ami-proxy/proxy.yaml")
        self.guide.section(INSTALL, "Roll back", 1, typed="y\n")
        self.pbx.run("rm", f"/root/ami-proxy_{_LATER}_amd64.deb")
        assert self.version() == now
        assert self.edited() == before
        assert "Authentication accepted" in self.log_in()

    def version(self) -> str:
        """Of the service that runs, from its log, and the same of the command."""
        started = [line for line in self.journal().splitlines() if line.startswith("started ")]
        said = self.pbx.run("ami-proxy", "--version").stdout.split()[1]
        assert f"version={said}" in started[-1].split()
        return said

    def edited(self) -> str:
        """The operator's own files, with owner and mode."""
        files = [
            f"/etc/ami-proxy/{name}" for name in (*_CONFIGURATION, "upstream.secret", "certs/server.key")
        ]
        script = 'for file; do stat -c "%n %U:%G %a" "$file"; cat "$file"; done'
        return self.pbx.run("sh", "-c", script, "sh", *files).stdout

    def remove(self) -> None:
        """After ``remove`` an installation goes on where it was; after ``purge`` nothing is left."""
        before = self.edited()
        self.guide.section(INSTALL, "Remove it", 0, typed="y\n")
        assert self.pbx.run("sh", "-c", "command -v ami-proxy", check=False).returncode != 0
        self.guide.section(INSTALL, "Debian package")
        assert self.edited() == before
        assert "Authentication accepted" in self.log_in()
        self.guide.section(INSTALL, "Remove it", 1, typed="y\n")
        left = "find / -xdev -name '*ami-proxy*' ! -path '/root/*' ! -path '/var/log/journal/*'"
        assert set(self.pbx.run("sh", "-c", left).stdout.split()) == _OF_OTHERS
        assert self.pbx.run("getent", "passwd", "ami-proxy", check=False).returncode != 0
        self.pbx.run("rm", "/etc/asterisk/manager.d/ami-proxy.conf")

    # What a few operators need besides.

    def vary(self) -> None:
        """systemd holds the socket and the secret; users are in several files."""
        self.guide.snippet(INSTALL, "Socket activation", "proxy.yaml")
        self.guide.section(INSTALL, "Socket activation")
        assert "Authentication accepted" in self.log_in()
        self.guide.snippet(INSTALL, "The link's secret as a credential", "proxy.yaml")
        self.guide.section(INSTALL, "The link's secret as a credential")
        assert "Authentication accepted" in self.log_in()
        wait_until(lambda: "link up" in self.pbx.show("ami-proxy", "StatusText"), self.journal)
        self.guide.snippet(GUIDE, "Users in several files", "proxy.yaml", without=("users_file",))
        self.guide.section(GUIDE, "Users in several files")
        assert "Authentication accepted" in self.log_in()


_CONFIGURATION = ("proxy.yaml", "users.yaml")
_STEP = b"""#!/bin/sh
# step ca renew --daemon --exec COMMAND CHAIN KEY
[ "$1 $2 $3 $4 $#" = "ca renew --daemon --exec 7" ] || exit 2
cp /root/step/chain "$6"; cp /root/step/key "$7"
$5
exec sleep infinity
"""
_LATER = "99.0"
# A later version: with its number, and with a key that this one does not know.
_REPACK = """
dpkg-deb -R "/root/$0" /tmp/later
cd /tmp/later
sed -i "s/^Version: .*/Version: $1/" DEBIAN/control
cd usr/lib/ami-proxy/lib/python3*/site-packages/amiproxy
sed -i "s/^__version__ = .*/__version__ = \\"$1\\"/" __init__.py
sed -i 's/^    ready: /    of_a_later_version: bool = False\\n&/' config/schema.py
rm __pycache__/__init__*.pyc config/__pycache__/schema*.pyc
dpkg-deb --root-owner-group -Znone --build /tmp/later "/root/ami-proxy_$1_amd64.deb"
rm -r /tmp/later
"""
#: Made by the pages for other packages.
_OF_OTHERS = {
    "/etc/default/ami-proxy-certs",
    "/etc/fail2ban/filter.d/ami-proxy.conf",
    "/etc/fail2ban/jail.d/ami-proxy.conf",
    "/etc/letsencrypt/renewal-hooks/deploy/ami-proxy",
    "/etc/step/ami-proxy.crt",
    "/etc/step/ami-proxy.key",
    "/etc/systemd/system/ami-proxy-renew.service",
    "/etc/systemd/system/multi-user.target.wants/ami-proxy-renew.service",
}


def test_everything_that_the_pages_say_can_be_done(site: Site, package: Path) -> None:
    operation = Operation(site, package)
    operation.reach_first_event()
    operation.connect()
    operation.ask_the_doctor()
    operation.change_users()
    operation.reload()
    operation.read_the_log()
    operation.stop_and_start()
    operation.rotate()
    operation.use_client_certificates()
    operation.ban()
    operation.upgrade_and_roll_back()
    operation.remove()
    operation.install()
    operation.set_up_by_hand()
    operation.start()
    operation.vary()
    assert operation.guide.left == []
