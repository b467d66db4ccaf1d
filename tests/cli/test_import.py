"""``ami-proxy import``: the service loads the files it writes, and nothing is overwritten."""

import stat
from pathlib import Path

import pytest

from amiproxy.cli import main
from amiproxy.config import load_users
from amiproxy.core.model.phc import verify

_MANAGER_CONF = """\
;--------------------------------------------------------------------------------;
; Written by a panel
;--------------------------------------------------------------------------------;
[general]
enabled = yes
port = 5038
bindaddr = 0.0.0.0
displayconnects=no ;only effects 1.6+

[admin]
secret = hunter2
deny=0.0.0.0/0.0.0.0
permit=127.0.0.1/255.255.255.0
read = system,call,log,verbose,command,agent,user,config,command,dtmf,reporting,cdr,dialplan,originate
write = system,call,log,verbose,command,agent,user,config,command,dtmf,reporting,cdr,dialplan,originate
writetimeout = 5000

#include manager_additional.conf
#tryinclude manager.d/*.conf
"""


@pytest.fixture
def manager_conf(tmp_path: Path) -> Path:
    (tmp_path / "manager_additional.conf").write_text("[panel]\nsecret = hunter3\nread = all\nacl = office\n")
    (tmp_path / "manager.d").mkdir()
    (tmp_path / "manager.d/x.conf").write_text("[extra]\nsecret = hunter4\n")
    (tmp_path / "acl.conf").write_text("[office]\ndeny = 0.0.0.0/0\npermit = 10.0.0.0/8\n")
    file = tmp_path / "manager.conf"
    file.write_text(_MANAGER_CONF)
    return file


def test_the_service_loads_the_written_files(
    manager_conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["import", "manager.conf", str(manager_conf), "--out", str(out)]) == 0
    users = load_users(out / "users.yaml").users
    assert list(users) == ["admin", "panel", "extra"]
    assert verify(users["panel"].secret or "", b"hunter3")
    assert users["panel"].acl == ("deny 0.0.0.0/0", "permit 10.0.0.0/8")
    assert (out / "proxy.yaml").exists()
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in out.iterdir()} == {0o600}
    shown = capsys.readouterr().out
    assert f"{manager_conf}:7: fyi: port 5038 is open to other hosts" in shown
    assert "3 users, 0 of them disabled" in shown
    assert "hunter" not in shown


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    file, out = tmp_path / "manager.conf", tmp_path / "out"
    file.write_bytes(b"\xef\xbb\xbf[general]\nenabled = yes\n[admin]\nsecret = hunter2\nread = system,call\n")
    assert main(["import", "manager.conf", str(file), "--out", str(out)]) == 0
    assert load_users(out / "users.yaml").users["admin"].read == ("system", "call")


def test_without_out_only_the_report_is_printed(
    manager_conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main(["import", "manager.conf", str(manager_conf), "--hash", "none"]) == 0
    assert sorted(tmp_path.rglob("*")) == before
    assert "hunter" not in capsys.readouterr().out


def test_nothing_is_overwritten(
    manager_conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "proxy.yaml").write_text("mine")
    assert main(["import", "manager.conf", str(manager_conf), "--out", str(out)]) == 1
    assert "already exists" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["proxy.yaml"]


def test_astmanproxy_users_get_the_given_classes(tmp_path: Path) -> None:
    file = tmp_path / "astmanproxy.users"
    file.write_text("steve=hunter2,SIP/snom190,local,\ndave=hunter3,SIP/1002,,,davesaccount\nbill=hunter4\n")
    out = tmp_path / "out"
    arguments = ["--read", "call", "--write", "", "--hash", "none", "--out", str(out)]
    assert main(["import", "astmanproxy.users", str(file), *arguments]) == 0
    users = load_users(out / "users.yaml").users
    assert users["bill"].read == ("call",)
    assert users["bill"].write == ()
    assert users["steve"].contexts == ("local",)
    assert users["dave"].rules[0].set == "davesaccount"
    assert [path.name for path in out.iterdir()] == ["users.yaml"]


def test_astmanproxy_conf_brings_the_secret_of_the_link(tmp_path: Path) -> None:
    file = tmp_path / "astmanproxy.conf"
    file.write_text("host = localhost, 5038, panel, hunter2, on, off\n")
    out = tmp_path / "out"
    assert main(["import", "astmanproxy.conf", str(file), "--out", str(out)]) == 0
    assert (out / "upstream.secret").read_bytes() == b"hunter2\n"
    assert stat.S_IMODE((out / "upstream.secret").stat().st_mode) == 0o600
    assert sorted(path.name for path in out.iterdir()) == ["proxy.yaml", "upstream.secret"]


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("[a", [], "manager.conf:1: no closing ]; "),
        ("[a]\n#include gone.conf", [], "gone.conf does not exist"),
        ("[a]\n", ["--read", "call"], "--read and --write are for astmanproxy.users"),
        (None, [], "manager.conf: No such file or directory; name the configuration file itself"),
    ],
)
def test_an_unusable_file_or_option_is_refused(
    content: str | None, arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "manager.conf"
    if content is not None:
        file.write_text(content)
    assert main(["import", "manager.conf", str(file), *arguments]) == 1
    assert said in capsys.readouterr().err


def test_errors_of_reading_and_writing_come_with_a_remedy(
    manager_conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "manager.conf", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    remedy = "name the configuration file itself, and run this as a user who may read it"
    assert said == f"{tmp_path}: Is a directory; {remedy}\n"
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    assert main(["import", "manager.conf", str(manager_conf), "--out", str(out)]) == 1
    assert capsys.readouterr().err == f"{out}: Not a directory; name a folder that you may write to\n"


def test_a_class_that_does_not_exist_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "astmanproxy.users"
    file.write_text("a=b\n")
    assert main(["import", "astmanproxy.users", str(file), "--read", "cal"]) == 1
    assert "'cal' is not a privilege class" in capsys.readouterr().err
