"""The configuration in force over the control socket: whole, and without secrets."""

import json
from pathlib import Path

import pytest

from amiproxy import __version__
from amiproxy.config import UsersFile, parse_users
from amiproxy.config.plain import fingerprints, plain
from amiproxy.net.admin.reloads import Rehearsal
from tests.net.admin.control.asking import HASH, Control

KEY = "5a" * 32
ENTRIES = (
    f'wall: {{secret: "{HASH}", read: [call]}}, '
    'boss: {md5_secret: "hunter2hunter2hunter2", write: all, setvar: {PIN: "hunter2hunter3"}}'
)


def entries(text: str = ENTRIES) -> UsersFile:
    text = text.replace(HASH, "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")
    return parse_users(Path("users.yaml"), f"users: {{{text}}}".encode())


async def told(control: Control, key: str = KEY) -> tuple[dict[str, object], list[list[object]], str]:
    asker = await control.connect()
    head = await asker.result("configuration", key=key)
    rows: list[list[object]] = []
    text = json.dumps(head)
    while len(rows) < head["users"]:
        batch = await asker.hear()
        text += json.dumps(batch)
        rows += batch["result"]["users"]
    await asker.ended()
    return head, rows, text


async def test_it_has_every_setting_and_user(control: Control) -> None:
    control.service.entries = entries()
    head, rows, _ = await told(control)
    assert head["version"] == __version__
    assert head["config"] == plain(control.service.config)
    assert head["path"] == str(control.service.path)
    assert [name for name, _, _ in rows] == ["wall", "boss"]
    assert rows[0][1]["read"] == "call"


async def test_the_open_sessions_of_each_user_are_counted(control: Control) -> None:
    control.service.entries = entries(f"{ENTRIES}, unknown: {{md5_secret: 'a secret of some length'}}")
    control.login("BOSS", "hunter2hunter2")
    _, rows, _ = await told(control)
    assert {name: sessions for name, _, sessions in rows} == {"wall": 0, "boss": 1, "unknown": 0}


async def test_no_secret_is_in_it_or_in_the_log(
    control: Control, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    control.service.entries = entries()
    _, _, text = await told(control)
    logged = caplog.text + "".join(map(str, (record.__dict__ for record in caplog.records)))
    for secret in ("hunter2", "argon2", "the upstream secret", KEY):
        assert secret not in text
        assert secret not in logged
    assert KEY not in capsys.readouterr().err


async def test_fingerprints_are_those_under_the_key(control: Control) -> None:
    control.service.entries = entries()
    control.service.fleet_secrets = {"fleet.seed_file": b"a seed", "fleet.token_key_file": b"\x80" * 16}
    head, rows, _ = await told(control)
    fingerprint = fingerprints(bytes.fromhex(KEY))
    assert rows[1][1]["md5_secret"] == fingerprint("hunter2hunter2hunter2")
    assert head["upstream_secrets"] == {"asterisk": fingerprint("the upstream secret")}
    assert head["fleet_secrets"]["fleet.seed_file"] == fingerprint("a seed")
    assert head["fleet_secrets"]["fleet.token_key_file"].startswith("fingerprint:")
    (files,) = head["files"]
    assert len(files) == 2
    other, _, _ = await told(control, "5b" * 32)
    assert other["upstream_secrets"] != head["upstream_secrets"]


@pytest.mark.parametrize("key", ["", "x", "5A" * 32, "5a" * 31, "5a" * 33])
async def test_another_key_than_32_random_bytes_is_refused(control: Control, key: str) -> None:
    answer = await control.asker.ask("configuration", key=key)
    assert not answer["ok"]
    assert "key must be 32 random bytes" in answer["error"]


async def test_many_users_come_in_batches_and_a_reload_meanwhile_does_not_mix_in(control: Control) -> None:
    many = ", ".join(f"u{number}: {{md5_secret: 'a secret of some length'}}" for number in range(250))
    control.service.entries = entries(many)
    asker = await control.connect()
    head = await asker.result("configuration", key=KEY)
    control.service.entries.users.clear()
    batches = [len((await asker.hear())["result"]["users"]) for _ in range(3)]
    assert (head["users"], batches) == (250, [100, 100, 50])
    await asker.ended()


async def test_a_rehearsal_says_what_a_reload_would_refuse_and_close(control: Control) -> None:
    control.service.rehearsal = Rehearsal(("users.yaml:1: a",), ("b",), {"wall": {"user removed": 2}})
    assert await control.asker.result("rehearse") == {
        "problems": ["users.yaml:1: a"], "warnings": ["b"], "closes": {"wall": {"user removed": 2}},
    }  # fmt: skip
    control.service.rehearsal = Rehearsal(("users.yaml:1: a",))
    assert (await control.asker.result("rehearse"))["closes"] is None
    control.service.draining = True
    assert not (await control.asker.ask("rehearse"))["ok"]
