"""``ctl learn``, ``learn`` and ``explain --replay`` against the process: record, propose, prove."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from amiproxy.core.learning.recording import parse
from amiproxy.tools.simulator import Simulator
from tests.support.service import Service


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service]) -> Service:
    built = make_service(simulator.port, control={"socket": "control.sock"})
    await built.start_up()
    await built.linked()
    return built


async def run(service: Service, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "amiproxy", *arguments, "--config", str(service.config)]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
    )


async def test_used_rights_are_recorded_proposed_and_proved(service: Service, tmp_path: Path) -> None:
    nothing = await run(service, "ctl", "learn", "show")
    assert nothing.returncode == 1
    started = await run(service, "ctl", "learn", "start", "--for", "1h")
    assert started.returncode == 0, started.stderr
    async with await service.client("boss") as client:
        await client.action(
            "Originate",
            Channel="Local/answer@lab",
            Exten="5551234",
            Context="lab",
            Priority="1",
            Async="true",
        )
        await client.event_list("CoreShowChannels")
    stopped = await run(service, "ctl", "learn", "stop")
    assert stopped.returncode == 0, stopped.stderr

    shown = await run(service, "ctl", "learn", "show")
    assert "5551234" not in shown.stdout
    file = tmp_path / "all.learn"
    file.write_text(shown.stdout)
    recording = parse(shown.stdout.encode())
    assert {b"Originate", b"CoreShowChannels"} <= {shape.action for shape in recording.shapes}

    proposed = await run(service, "learn", "--from", str(file), "--user", "boss")
    assert proposed.returncode == 0, proposed.stderr
    entry = yaml.safe_load(proposed.stdout)["users"]["boss"]
    assert set(entry["write"]) == {"originate", "reporting"}
    assert entry["actions"]["allow"] == ["CoreShowChannels", "Originate"]
    assert entry["contexts"] == ["lab"]

    # As an operator would: the proposal replaces the old rights, then the proof.
    users = yaml.safe_load((service.directory / "users.yaml").read_text())["users"]
    kept = {key: users["boss"][key] for key in ("secret", "md5_secret") if key in users["boss"]}
    new = tmp_path / "new.yaml"
    new.write_text(yaml.safe_dump({"users": {"boss": {**kept, **entry}}}))
    new.chmod(0o600)
    proof = await run(service, "explain", "--users", str(new), "--replay", str(file), "--user", "boss")
    assert (proof.returncode, proof.stdout.splitlines()[-1].rpartition(", ")[2]) == (0, "0 denied"), (
        proof.stdout
    )

    entry["contexts"] = ["elsewhere"]
    new.write_text(yaml.safe_dump({"users": {"boss": {**kept, **entry}}}))
    refuted = await run(service, "explain", "--users", str(new), "--replay", str(file), "--user", "boss")
    assert refuted.returncode == 1
    assert "Originate" in refuted.stdout


async def test_learn_records_for_a_time_and_saves_to_a_file(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "short.learn"
    async with await service.client("boss") as client, asyncio.TaskGroup() as group:
        learning = group.create_task(run(service, "learn", "--for", "4s", "--save", str(file)))
        while not learning.done():
            await client.action("CoreStatus")
            await asyncio.sleep(0.2)
    done = learning.result()
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert {shape.action for shape in parse(file.read_bytes()).shapes} == {b"CoreStatus"}
    assert yaml.safe_load(done.stdout)["users"]["boss"]["write"] == ["reporting"]
