"""The service under a real systemd: start, reload, stop, restart, hang."""

from pathlib import Path

import pytest

from tests.deploy.host import Host
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]


def test_started_means_that_clients_can_log_in(host: Host) -> None:
    assert host.systemctl("start") == 0
    assert host.show("ActiveState") == "active"
    assert b"Authentication accepted" in host.log_in()
    wait_until(lambda: "link up" in host.show("StatusText"), lambda: host.show("StatusText"))


def test_it_runs_without_capabilities(host: Host) -> None:
    host.systemctl("start")
    status = host.machine.run("cat", f"/proc/{host.show('MainPID')}/status").stdout
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert facts["Uid"].split()[0] == host.machine.run("id", "-u", "ami-proxy").stdout.strip()
    assert {facts[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    # The syscalls that it gives up itself are a subset of those that the filter allows.
    confined = next(line for line in host.log().splitlines() if line.startswith("confined"))
    assert "not permitted" not in confined


def test_a_compiled_core_is_loaded_under_the_units_confinement(host: Host) -> None:
    is_compiled = host.machine.run("find", "/usr/lib/ami-proxy", "-name", "amiproxy__mypyc*.so").stdout
    host.systemctl("start")
    started = next(line for line in host.log().splitlines() if line.startswith("started"))
    assert f"core={'compiled' if is_compiled else 'python'}" in started.split()


def test_a_bad_configuration_fails_once_and_says_why(host: Host) -> None:
    host.append("/etc/ami-proxy/proxy.yaml", "\nno_such_key: 1\n")
    assert host.systemctl("start", check=False) != 0
    journal = host.machine.run("journalctl", "--no-pager", "-u", "ami-proxy").stdout
    assert "no_such_key: unknown key" in journal
    assert host.show("ExecMainStatus") == "78"
    assert host.show("ActiveState") == "failed"  # and not waiting for a restart
    assert host.show("NRestarts") == "0"


def test_a_port_in_use_is_tried_again_until_it_is_free(host: Host) -> None:
    other = (
        "import socket, time; s = socket.create_server(('::', 5039), family=socket.AF_INET6); time.sleep(600)"
    )
    host.machine.run("systemd-run", "--quiet", "--unit=other", "python3", "-c", other)
    wait_until(lambda: ":13AF " in host.machine.run("cat", "/proc/net/tcp6").stdout)
    host.systemctl("start", check=False)
    wait_until(lambda: host.show("NRestarts") not in ("", "0"), host.log)
    host.machine.run("systemctl", "stop", "other")
    wait_until(lambda: host.show("ActiveState") == "active", host.log)


def test_a_reload_applies_new_users(host: Host) -> None:
    host.systemctl("start")
    process = host.show("MainPID")
    host.machine.run(
        *("ami-proxy", "users", "add", "late", "--users", "/etc/ami-proxy/users.yaml"), stdin=b"hunter3"
    )
    assert host.systemctl("reload") == 0
    assert host.show("ActiveState") == "active"
    assert host.show("MainPID") == process
    assert b"Authentication accepted" in host.log_in("late", "hunter3")


def test_a_bad_reload_fails_and_keeps_the_old_configuration(host: Host) -> None:
    host.systemctl("start")
    process = host.show("MainPID")
    host.append("/etc/ami-proxy/users.yaml", "  broken: {secret: plain text}\n")
    assert host.systemctl("reload", check=False) != 0
    assert host.show("ActiveState") == "active"
    assert host.show("MainPID") == process
    assert b"Authentication accepted" in host.log_in()
    assert "users.broken.secret: plain text" in host.log()


_CONTROL = "control:\n  socket: /run/ami-proxy/control.sock\n"


def test_a_reload_without_a_control_socket_happens_but_does_not_report_success(host: Host) -> None:
    host.replace("/etc/ami-proxy/proxy.yaml", _CONTROL, "")
    host.systemctl("start")
    host.machine.run(
        *("ami-proxy", "users", "add", "late", "--users", "/etc/ami-proxy/users.yaml"), stdin=b"hunter3"
    )
    assert host.systemctl("reload", check=False) != 0
    wait_until(lambda: "\nreloaded " in host.log(), host.log)
    assert host.show("ActiveState") == "active"
    assert "add control: " in host.machine.run("journalctl", "--no-pager", "-u", "ami-proxy").stdout
    assert b"Authentication accepted" in host.log_in("late", "hunter3")


def test_a_reload_finds_the_control_socket_that_proxy_yaml_names(host: Host) -> None:
    host.replace("/etc/ami-proxy/proxy.yaml", "/run/ami-proxy/control.sock", "/run/ami-proxy/other.sock")
    host.systemctl("start")
    assert host.systemctl("reload") == 0
    host.append("/etc/ami-proxy/users.yaml", "  broken: {secret: plain text}\n")
    assert host.systemctl("reload", check=False) != 0
    assert "users.broken.secret: plain text" in host.log()


def test_a_stop_drains_and_succeeds(host: Host) -> None:
    host.systemctl("start")
    wait_until(lambda: "upstream-up" in host.log(), host.log)
    host.systemctl("stop")
    assert host.show("ActiveState") == "inactive"
    assert host.show("Result") == "success"
    assert host.show("ExecMainStatus") == "0"
    assert [line.split()[0] for line in host.log().splitlines()[-2:]] == ["stopping", "stopped"]


def test_a_service_that_hangs_is_restarted(host: Host) -> None:
    host.machine.write(
        "/etc/systemd/system/ami-proxy.service.d/soon.conf", b"[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n"
    )
    host.systemctl("daemon-reload", "")
    host.systemctl("start")
    hanging = host.show("MainPID")
    restarts = int(host.show("NRestarts"))
    host.machine.run("kill", "-STOP", hanging)
    wait_until(lambda: int(host.show("NRestarts")) == restarts + 1, lambda: host.show("Result"), within=30)
    wait_until(lambda: host.show("ActiveState") == "active", lambda: host.show("ActiveState"), within=30)
    assert host.show("MainPID") != hanging
    assert b"Authentication accepted" in host.log_in()


def test_a_restart_behind_a_socket_unit_refuses_no_connection(host: Host, tmp_path: Path) -> None:
    host.replace("/etc/ami-proxy/proxy.yaml", 'address: "[::]:5039"', 'address: "fd:ami"')
    host.systemctl("start", "ami-proxy.socket")
    host.systemctl("start")
    first = host.show("MainPID")
    with host.churn(tmp_path) as said:
        for _ in range(3):
            host.systemctl("restart")
        assert b"Authentication accepted" in host.log_in()
    assert host.show("MainPID") != first
    [result] = said
    results = dict(part.split("=") for part in result.split())
    # Clients connected during the stop may be cut off; no new connection is refused.
    assert int(results["ok"]) > 10, result
    assert "ConnectionRefusedError" not in results


_HTTP = """  - address: "fd:http"
    insecure_local: true
    door: http
    doors: [api]
    names: [pbx.example.org]
users_file"""
_ASK = """
import socket
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect("/run/ami-proxy-http.sock")
    sock.sendall(b"GET /livez HTTP/1.1\\r\\nHost: pbx.example.org\\r\\nConnection: close\\r\\n\\r\\n")
    print(sock.makefile("rb").readline())
"""


def test_only_the_reverse_proxy_reaches_http_and_it_reads_none_of_our_files(host: Host) -> None:
    unit = "ami-proxy-http.socket"
    text = (Path(__file__).parents[2] / "deploy/examples/http" / unit).read_bytes()
    host.machine.write(f"/etc/systemd/system/{unit}", text)
    host.replace("/etc/ami-proxy/proxy.yaml", "users_file", _HTTP)
    host.systemctl("daemon-reload", "")
    try:
        host.systemctl("start", unit)
        host.systemctl("start")
        run = host.machine.run
        assert "200 OK" in run("runuser", "-u", "www-data", "--", "python3", "-c", _ASK).stdout
        stranger = run("runuser", "-u", "nobody", "--", "python3", "-c", _ASK, check=False)
        assert "PermissionError" in stranger.stderr
        secrets = run("runuser", "-u", "www-data", "--", "ls", "/etc/ami-proxy/", check=False)
        assert secrets.returncode != 0
    finally:
        host.systemctl("stop", unit, check=False)


def test_a_credential_of_systemd_is_the_links_secret(host: Host) -> None:
    host.machine.write(
        "/etc/systemd/system/ami-proxy.service.d/credential.conf",
        b"[Service]\nLoadCredential=upstream.secret:/root/upstream.secret\n",
    )
    host.machine.run("mv", "/etc/ami-proxy/upstream.secret", "/root/upstream.secret")
    host.machine.run("chown", "root:root", "/root/upstream.secret")
    host.replace(
        "/etc/ami-proxy/proxy.yaml",
        "secret_file: upstream.secret",
        "secret_file: ${CREDENTIALS_DIRECTORY}/upstream.secret",
    )
    host.systemctl("daemon-reload", "")
    host.systemctl("start")
    wait_until(lambda: "link up" in host.show("StatusText"), lambda: host.show("StatusText"))
