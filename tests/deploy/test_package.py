"""The Debian package: complete on a bare machine; purging it keeps the operator's keys."""

from pathlib import Path

import pytest

from tests.deploy.debian import Machine

TOP = Path(__file__).parents[2]
pytestmark = [pytest.mark.timeout(900), pytest.mark.long]


@pytest.fixture
def installed(machine: Machine, package: Path) -> Machine:
    machine.write("/root/ami-proxy.deb", package.read_bytes())
    machine.run("dpkg", "-i", "/root/ami-proxy.deb")
    return machine


def test_it_is_complete_and_waits_for_its_configuration(installed: Machine) -> None:
    assert installed.run("ami-proxy", "--version").stdout.startswith("ami-proxy ")
    # Compiled when built: the service may not write there, and dpkg would not know the files.
    assert (
        installed.run("find", "/usr/lib/ami-proxy", "-name", "*.py", "-newer", "/root/ami-proxy.deb").stdout
        == ""
    )
    uncompiled = (
        'find /usr/lib/ami-proxy/lib -name "*.py" | wc -l; find /usr/lib/ami-proxy/lib -name "*.pyc" | wc -l'
    )
    sources, compiled = installed.run("sh", "-c", uncompiled).stdout.split()
    assert int(compiled) >= int(sources) > 100
    modes = installed.run("stat", "-c", "%a %U:%G %n", "/etc/ami-proxy", "/etc/ami-proxy/proxy.yaml",
                          "/etc/ami-proxy/users.yaml").stdout.splitlines()  # fmt: skip
    assert modes == [
        "750 root:ami-proxy /etc/ami-proxy",
        "640 root:ami-proxy /etc/ami-proxy/proxy.yaml",
        "640 root:ami-proxy /etc/ami-proxy/users.yaml",
    ]
    assert installed.show("ami-proxy", "UnitFileState") == "disabled"
    assert installed.run("systemctl", "--failed", "--plain", "--no-legend").stdout == ""


def test_the_page_is_in_it(installed: Machine) -> None:
    find = 'find /usr/lib/ami-proxy/lib -path "*/net/doors/http/page/files/*" -type f -printf "%P\\n"'
    found = installed.run("sh", "-c", find).stdout.split()
    folder = TOP / "proxy/amiproxy/net/doors/http/page/files"
    assert {name.partition("/page/files/")[2] for name in found} == {
        str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()
    }


def test_files_that_the_unit_and_the_guides_name_exist(installed: Machine) -> None:
    name, _, configuration = installed.show("ami-proxy", "Environment").partition("=")
    assert name == "OPENSSL_CONF"
    installed.run("test", "-r", configuration)
    for hook in ("certbot-deploy", "install-pair", "step-renew"):
        installed.run("test", "-x", f"/usr/share/ami-proxy/hooks/{hook}")


# The package of an earlier release: proxy.yaml was a conffile in it, and differs from today's.
EARLIER = """
dpkg-deb -R /root/ami-proxy.deb /root/earlier
cd /root/earlier
sed -i 's/^Version: .*/Version: 0.0.1/' DEBIAN/control
mkdir -p etc/ami-proxy && sed '1i # as shipped then' usr/share/ami-proxy/proxy.yaml > etc/ami-proxy/proxy.yaml
echo /etc/ami-proxy/proxy.yaml > DEBIAN/conffiles
dpkg-deb --root-owner-group -Znone --build . /root/earlier.deb
dpkg --purge ami-proxy
dpkg -i /root/earlier.deb
"""


@pytest.mark.parametrize("earlier", [False, True], ids=["again", "from the conffile"])
def test_an_upgrade_keeps_edited_files_and_asks_nothing(installed: Machine, earlier: bool) -> None:
    if earlier:
        installed.run("sh", "-e", "-c", EARLIER)
    installed.run(
        "sh", "-c", "echo '# mine' >> /etc/ami-proxy/proxy.yaml; chmod 0600 /etc/ami-proxy/proxy.yaml"
    )
    installed.run("ami-proxy", "users", "add", "a", "--users", "/etc/ami-proxy/users.yaml", stdin=b"hunter2")
    before = installed.run("cat", "/etc/ami-proxy/proxy.yaml").stdout
    installed.run("dpkg", "-i", "/root/ami-proxy.deb")
    assert installed.run("cat", "/etc/ami-proxy/proxy.yaml").stdout == before
    assert installed.run("stat", "-c", "%a", "/etc/ami-proxy/proxy.yaml").stdout == "600\n"
    assert "  a:" in installed.run("cat", "/etc/ami-proxy/users.yaml").stdout


def test_a_package_that_is_only_unpacked_runs_its_own_code(installed: Machine) -> None:
    # As an operator checks a configuration before an upgrade.
    script = """
    dpkg-deb -x /root/ami-proxy.deb /root/new
    cd /root/new/usr/lib/ami-proxy/lib/python3*/site-packages/amiproxy
    sed -i 's/^__version__ = .*/__version__ = "99.0"/' __init__.py
    rm __pycache__/__init__*.pyc
    /root/new/usr/bin/ami-proxy --version
    """
    assert installed.run("sh", "-e", "-c", script).stdout.split()[1] == "99.0"


def test_a_purge_keeps_keys_and_the_group_that_may_read_them(installed: Machine) -> None:
    script = """
    echo key > /etc/ami-proxy/certs/server.key
    chgrp ami-proxy /etc/ami-proxy/certs/server.key && chmod 0640 /etc/ami-proxy/certs/server.key
    dpkg --purge ami-proxy
    adduser --quiet --system --group --no-create-home --home /nonexistent other
    """
    installed.run("sh", "-e", "-c", script)
    assert installed.run("find", "/etc/ami-proxy", "-type", "f").stdout == "/etc/ami-proxy/certs/server.key\n"
    left = (
        "ls -d /usr/lib/ami-proxy /usr/bin/ami-proxy /usr/lib/systemd/system/ami-proxy.* 2>/dev/null | wc -l"
    )
    assert installed.run("sh", "-c", left).stdout == "0\n"
    owner = installed.run("stat", "-c", "%U:%G", "/etc/ami-proxy/certs/server.key").stdout
    assert owner == "root:ami-proxy\n"
    # The system user that is created next cannot read the key.
    read = ("runuser", "-u", "other", "--", "cat", "/etc/ami-proxy/certs/server.key")
    assert installed.run(*read, check=False).returncode != 0


def test_removing_it_stops_the_service(installed: Machine) -> None:
    script = """
    cd /etc/ami-proxy
    install -m 0640 -g ami-proxy /dev/null upstream.secret
    echo hunter2 > upstream.secret
    ami-proxy certs init ca --name Test
    ami-proxy certs issue --ca ca --out certs --file-name server localhost
    chgrp ami-proxy certs/server.key && chmod 0640 certs/server.key
    systemctl enable --now ami-proxy
    """
    installed.run("sh", "-e", "-c", script)
    process = installed.show("ami-proxy", "MainPID")
    installed.run("dpkg", "--remove", "ami-proxy")
    assert installed.run("ls", "-d", f"/proc/{process}", check=False).returncode != 0
    assert installed.run("sh", "-c", "cat /etc/ami-proxy/users.yaml").stdout == "users: {}\n"
