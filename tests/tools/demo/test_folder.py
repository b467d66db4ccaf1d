"""The demo's folder."""

import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from amiproxy.config import load
from amiproxy.service.loadedconfig import prepare
from amiproxy.tools.demo.accounts import desk, operator, wallboard
from amiproxy.tools.demo.folder import opened
from amiproxy.tools.demo.options import DemoError
from amiproxy.x509.expiry import Expiry, expiry_state


def fill(folder, page_port=8089):
    accounts = (wallboard(), desk(), operator())
    folder.write_certificates()
    secret_file = folder.write_secret("s3cret")
    upstream = {"host": "127.0.0.1", "port": 5038, "username": "u", "secret_file": str(secret_file)}
    folder.write_config(upstream, 5039, page_port, accounts)
    return accounts


def test_the_proxy_accepts_the_written_configuration(tmp_path):
    with opened(tmp_path / "state") as folder:
        accounts = fill(folder)
        config, users, _ = load(folder.config)
        ami, page = config.listeners
        assert str(ami.address) == "127.0.0.1:5039"
        assert (str(page.address), page.door, page.doors) == ("127.0.0.1:8089", "http", ("page",))
        assert list(users.users) == [account.name for account in accounts]
        assert prepare(folder.config).secrets == {"asterisk": b"s3cret"}


def test_without_a_port_for_it_the_page_is_not_served(tmp_path):
    with opened(tmp_path / "state") as folder:
        fill(folder, page_port=None)
        config, _, _ = load(folder.config)
        assert [str(listener.address) for listener in config.listeners] == ["127.0.0.1:5039"]


def test_each_user_has_its_doors(tmp_path):
    with opened(tmp_path / "state") as folder:
        fill(folder)
        _, users, _ = load(folder.config)
        doors = {name: set(user.doors) for name, user in users.users.items()}
    assert doors == {"wallboard": {"ami", "page"}, "desk": {"ami"}, "operator": {"page"}}


def test_no_warning_is_due_about_its_own_certificate(tmp_path):
    with opened(tmp_path / "state") as folder:
        fill(folder)
        chain = (folder.directory / "server.crt").read_bytes()
        [leaf, *_] = x509.load_pem_x509_certificates(chain)
        now = datetime.now(UTC)
        assert expiry_state(leaf.not_valid_after_utc, now) == Expiry.FINE
        assert expiry_state(leaf.not_valid_after_utc, now + timedelta(days=7)) == Expiry.FINE


def test_secrets_are_private_and_never_in_plain_text(tmp_path):
    with opened(tmp_path / "state") as folder:
        accounts = fill(folder)
        assert stat.S_IMODE(folder.directory.stat().st_mode) == 0o700
        for path in folder.directory.iterdir():
            expected = 0o644 if path.suffix == ".crt" else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == expected, path
            text = path.read_text()
            assert not any(account.secret in text for account in accounts), path
    assert not any(account.secret in repr(account) for account in accounts)


def test_the_ca_is_kept_and_the_server_certificate_is_new(tmp_path):
    seen = []
    for _ in range(2):
        with opened(tmp_path / "state") as folder:
            folder.write_certificates()
            seen.append((folder.cafile.read_bytes(), (folder.directory / "server.crt").read_bytes()))
    (first_ca, first), (second_ca, second) = seen
    assert first_ca == second_ca
    assert first != second


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path):
    with opened(tmp_path / "state"), pytest.raises(DemoError, match="another demo"):  # noqa: SIM117
        with opened(tmp_path / "state"):
            pass
    with opened(tmp_path / "state"):
        pass  # free again


def test_a_folder_that_others_can_read_is_refused(tmp_path):
    (tmp_path / "state").mkdir(mode=0o755)
    with pytest.raises(DemoError, match="chmod 700"), opened(tmp_path / "state"):
        pass


def test_the_error_about_a_damaged_ca_says_what_to_do(tmp_path):
    with opened(tmp_path / "state") as folder:
        folder.write_certificates()
        folder.cafile.write_text("not a certificate")
    with (
        pytest.raises(DemoError, match=r"remove .*state and start again"),
        opened(tmp_path / "state") as folder,
    ):
        folder.write_certificates()


def test_the_log_is_searched_from_its_end(tmp_path):
    with opened(tmp_path / "state") as folder:
        assert folder.logged("started") == ""
        folder.log.write_text("1 started a\n2 stopped\n3 started b\n4 stopped\n")
        assert folder.logged("started") == "3 started b"
        assert folder.logged("absent") == ""
